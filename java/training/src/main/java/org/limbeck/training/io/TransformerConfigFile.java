// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.nio.file.Path;
import java.util.Locale;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.transformer.DecoderKind;
import org.limbeck.training.transformer.QueryTying;
import org.limbeck.training.transformer.Stack;
import org.limbeck.training.transformer.TransformerConfig;

/** The {@code config.json} of a translation Transformer. */
final class TransformerConfigFile {
  private static final String TYPE = "limbeck_transformer";

  private TransformerConfigFile() {}

  /**
   * Reads the sizes of a model.
   *
   * @throws BadInputException if the file is missing or malformed, or describes another
   *     architecture
   */
  static TransformerConfig read(Path file) {
    JsonFields json = JsonFields.read(file);
    json.expect("model_type", TYPE);
    try {
      return new TransformerConfig(
          json.size("source_vocabulary"),
          json.size("target_vocabulary"),
          stack(json.object("encoder")),
          stack(json.object("decoder")),
          constant(json, "decoder_kind", DecoderKind.class),
          constant(json, "query_tying", QueryTying.class),
          json.flag("tied_embedding"),
          json.number("dropout"));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(file + ": " + e.getMessage(), e);
    }
  }

  private static Stack stack(JsonFields json) {
    return new Stack(
        json.size("width"),
        json.size("feed_forward"),
        json.size("heads"),
        json.size("blocks"),
        json.integers("order"),
        json.flags("swapped"));
  }

  private static <E extends Enum<E>> E constant(JsonFields json, String field, Class<E> type) {
    String text = json.text(field);
    for (E value : type.getEnumConstants()) {
      if (name(value).equals(text)) {
        return value;
      }
    }
    throw new IllegalArgumentException(
        field + " is " + text + ", expected the name of a " + type.getSimpleName());
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  /** Writes the sizes of a model; the file is replaced as a whole. */
  static void write(Path file, TransformerConfig config) {
    JsonObject json = new JsonObject();
    json.addProperty("model_type", TYPE);
    json.addProperty("source_vocabulary", config.sourceVocabulary());
    json.addProperty("target_vocabulary", config.targetVocabulary());
    json.add("encoder", stack(config.encoder()));
    json.add("decoder", stack(config.decoder()));
    json.addProperty("decoder_kind", name(config.decoderKind()));
    json.addProperty("query_tying", name(config.tying()));
    json.addProperty("tied_embedding", config.tiedEmbedding());
    json.addProperty("dropout", config.dropout());
    AtomicFiles.write(file, new GsonBuilder().setPrettyPrinting().create().toJson(json) + "\n");
  }

  private static JsonObject stack(Stack stack) {
    JsonObject json = new JsonObject();
    json.addProperty("width", stack.width());
    json.addProperty("feed_forward", stack.feedForward());
    json.addProperty("heads", stack.heads());
    json.addProperty("blocks", stack.blocks());
    JsonArray order = new JsonArray();
    stack.order().forEach(order::add);
    json.add("order", order);
    JsonArray swapped = new JsonArray();
    stack.swapped().forEach(swapped::add);
    json.add("swapped", swapped);
    return json;
  }
}

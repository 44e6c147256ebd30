// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.nio.file.Path;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.bert.BertConfig;

/** The {@code config.json} of a BERT encoder. Absent fields have the defaults of transformers. */
final class HuggingFaceConfig {
  private static final double DEFAULT_EPSILON = 1e-12;

  private final Path file;
  private final JsonObject json;

  private HuggingFaceConfig(Path file) {
    this.file = file;
    this.json = parse(file);
  }

  /**
   * Reads the sizes of an encoder.
   *
   * @throws BadInputException if the file is missing or malformed, or describes another
   *     architecture than a BERT encoder with erf-gelu
   */
  static BertConfig read(Path file) {
    return new HuggingFaceConfig(file).config();
  }

  /** Returns whether a tokenizer's settings keep upper case. */
  static boolean isCased(Path file) {
    JsonElement lower = parse(file).get("do_lower_case");
    return lower != null && lower.equals(new JsonPrimitive(false));
  }

  /**
   * Writes a configuration.
   *
   * @param architecture the class of transformers that reads the model
   * @param labels the classes of a classifier, or 0 without one; 1 is a regression
   */
  static void write(Path file, BertConfig config, String architecture, long labels) {
    JsonObject json = new JsonObject();
    JsonArray architectures = new JsonArray();
    architectures.add(architecture);
    json.add("architectures", architectures);
    json.addProperty("model_type", "bert");
    json.addProperty("num_hidden_layers", config.layers());
    json.addProperty("hidden_size", config.hidden());
    json.addProperty("num_attention_heads", config.heads());
    json.addProperty("intermediate_size", config.intermediate());
    json.addProperty("vocab_size", config.vocabulary());
    json.addProperty("max_position_embeddings", config.positions());
    json.addProperty("type_vocab_size", config.types());
    json.addProperty("layer_norm_eps", config.epsilon());
    json.addProperty("hidden_act", "gelu");
    json.addProperty("position_embedding_type", "absolute");
    if (labels > 0) {
      JsonObject names = new JsonObject();
      JsonObject numbers = new JsonObject();
      for (long label = 0; label < labels; label++) {
        names.addProperty(Long.toString(label), "LABEL_" + label);
        numbers.addProperty("LABEL_" + label, label);
      }
      json.add("id2label", names);
      json.add("label2id", numbers);
    }
    AtomicFiles.write(file, new GsonBuilder().setPrettyPrinting().create().toJson(json) + "\n");
  }

  private static JsonObject parse(Path file) {
    try {
      return JsonParser.parseString(HuggingFaceDirectory.readText(file)).getAsJsonObject();
    } catch (JsonParseException | IllegalStateException e) {
      throw new BadInputException(file + " is malformed, expected a JSON object", e);
    }
  }

  private BertConfig config() {
    expect("model_type", "bert", null);
    expect("hidden_act", "gelu", "gelu");
    expect("position_embedding_type", "absolute", "absolute");
    return BertLayout.config(
        file.toString(),
        size("num_hidden_layers", null),
        size("hidden_size", null),
        size("num_attention_heads", null),
        size("intermediate_size", null),
        size("vocab_size", null),
        size("max_position_embeddings", null),
        size("type_vocab_size", 2L),
        json.has("layer_norm_eps") ? number("layer_norm_eps") : DEFAULT_EPSILON);
  }

  private void expect(String field, String expected, String otherwise) {
    JsonElement value = json.get(field);
    if (value == null && otherwise != null) {
      return;
    }
    if (!new JsonPrimitive(expected).equals(value)) {
      throw new BadInputException(
          file + ": " + field + " is " + shown(value) + ", expected \"" + expected + "\"");
    }
  }

  private long size(String field, Long otherwise) {
    if (!json.has(field) && otherwise != null) {
      return otherwise;
    }
    double value = number(field);
    if (value != Math.rint(value) || value < 1 || value > Integer.MAX_VALUE) {
      throw new BadInputException(
          file + ": " + field + " is " + json.get(field) + ", expected a whole number above 0");
    }
    return (long) value;
  }

  private double number(String field) {
    JsonElement value = json.get(field);
    if (value == null || !value.isJsonPrimitive() || !value.getAsJsonPrimitive().isNumber()) {
      throw new BadInputException(
          file + ": " + field + " is " + shown(value) + ", expected a number");
    }
    try {
      return value.getAsDouble();
    } catch (NumberFormatException e) {
      throw new BadInputException(
          file + ": " + field + " is " + shown(value) + ", expected a number", e);
    }
  }

  private static String shown(JsonElement value) {
    return value == null ? "missing" : value.toString();
  }
}

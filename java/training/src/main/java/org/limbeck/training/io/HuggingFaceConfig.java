// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.nio.file.Path;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.bert.BertConfig;

/** The {@code config.json} of a BERT encoder. Absent fields have the defaults of transformers. */
final class HuggingFaceConfig {
  private static final double DEFAULT_EPSILON = 1e-12;
  private static final int DEFAULT_TYPES = 2;

  private HuggingFaceConfig() {}

  /**
   * Reads the sizes of an encoder.
   *
   * @throws BadInputException if the file is missing or malformed, or describes another
   *     architecture than a BERT encoder with erf-gelu
   */
  static BertConfig read(Path file) {
    JsonFields json = JsonFields.read(file);
    json.expect("model_type", "bert");
    for (String[] only :
        new String[][] {{"hidden_act", "gelu"}, {"position_embedding_type", "absolute"}}) {
      if (json.has(only[0])) {
        json.expect(only[0], only[1]);
      }
    }
    return BertLayout.config(
        file.toString(),
        json.size("num_hidden_layers"),
        json.size("hidden_size"),
        json.size("num_attention_heads"),
        json.size("intermediate_size"),
        json.size("vocab_size"),
        json.size("max_position_embeddings"),
        json.has("type_vocab_size") ? json.size("type_vocab_size") : DEFAULT_TYPES,
        json.has("layer_norm_eps") ? json.number("layer_norm_eps") : DEFAULT_EPSILON);
  }

  /** Returns whether a tokenizer's settings keep upper case. */
  static boolean isCased(Path file) {
    return JsonFields.read(file).is("do_lower_case", new JsonPrimitive(false));
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
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.formats.BadInputException;
import org.limbeck.formats.SafetensorsFile;
import org.limbeck.formats.SafetensorsWriter;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.PretrainedModel;

class HuggingFaceDirectoryTest {
  @TempDir private Path directory;

  private Path tiny;

  @BeforeEach
  void writeTinyModel() {
    tiny = directory.resolve("tiny");
    try (HostMemory memory = new HostMemory()) {
      HuggingFaceDirectory.write(tiny, model(memory), Map.of());
    }
  }

  private static PretrainedModel model(HostMemory memory) {
    return new PretrainedModel(
        "tiny",
        TinyModel.CONFIG,
        TinyModel.tensors(memory),
        new PretrainedModel.WordPieceList("[PAD]\n[UNK]\na\nb\n"));
  }

  private void assertBad(String expected) {
    try (HostMemory memory = new HostMemory()) {
      BadInputException e =
          assertThrows(BadInputException.class, () -> HuggingFaceDirectory.read(tiny, memory));
      assertTrue(e.getMessage().startsWith(tiny.toString()), e.getMessage());
      assertTrue(e.getMessage().contains(expected), e.getMessage());
      assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    }
  }

  private void editConfig(String from, String to) throws IOException {
    Path config = tiny.resolve("config.json");
    String text = Files.readString(config);
    assertTrue(text.contains(from), text);
    Files.writeString(config, text.replace(from, to));
  }

  @Test
  void whatIsWrittenIsRead() throws IOException {
    try (HostMemory memory = new HostMemory()) {
      PretrainedModel read = HuggingFaceDirectory.read(tiny, memory);
      assertEquals("tiny", read.name());
      assertEquals(TinyModel.CONFIG, read.config());
      assertEquals(new PretrainedModel.WordPieceList("[PAD]\n[UNK]\na\nb\n"), read.vocabulary());
      TinyModel.assertTensors(read.tensors());
    }
    String config = Files.readString(tiny.resolve("config.json"));
    assertTrue(config.contains("\"BertModel\""), config);
  }

  @Test
  void aClassifierIsLaidOutAsTransformersDoes() throws IOException {
    try (HostMemory memory = new HostMemory()) {
      Map<String, Matrix> extra = new LinkedHashMap<>();
      extra.put("classifier.weight", memory.copyOf(new float[] {1, 2, 3, 4, 5, 6}, 1, 6));
      extra.put("classifier.bias", memory.copyOf(new float[] {7}, 1, 1));
      PretrainedModel json =
          new PretrainedModel(
              "t",
              TinyModel.CONFIG,
              TinyModel.tensors(memory),
              new PretrainedModel.TokenizerJson("{\"a\":\"ä\"}"));
      HuggingFaceDirectory.write(tiny, json, extra);
      assertFalse(Files.exists(tiny.resolve("vocab.txt")));
      try (SafetensorsFile file = SafetensorsFile.open(tiny.resolve("model.safetensors"))) {
        assertEquals(List.of(1L, 6L), file.tensor("classifier.weight").shape());
        assertEquals(List.of(1L), file.tensor("classifier.bias").shape());
        assertEquals(
            List.of(7L, 6L), file.tensor("bert.embeddings.word_embeddings.weight").shape());
        assertEquals(List.of(6L), file.tensor("bert.embeddings.LayerNorm.bias").shape());
        assertEquals(Map.of("format", "pt"), file.metadata());
      }
      String config = Files.readString(tiny.resolve("config.json"));
      assertTrue(config.contains("\"BertForSequenceClassification\""), config);
      assertTrue(config.contains("\"0\": \"LABEL_0\""), config);
      PretrainedModel read = HuggingFaceDirectory.read(tiny, memory);
      assertEquals(new PretrainedModel.TokenizerJson("{\"a\":\"ä\"}"), read.vocabulary());
      assertArrayEquals(
          new float[] {1, 2, 3, 4, 5, 6}, read.tensors().get("classifier.weight").toFloatArray());
      assertEquals(json.tensors().size() + 2, read.tensors().size());
    }
  }

  @Test
  void oldNamesAndIntegerBuffersAreUnderstood() {
    try (HostMemory memory = new HostMemory()) {
      Map<String, SafetensorsWriter.Entry> entries = new LinkedHashMap<>();
      TinyModel.tensors(memory)
          .forEach(
              (name, matrix) -> {
                String old =
                    name.replace("LayerNorm.weight", "LayerNorm.gamma")
                        .replace("LayerNorm.bias", "LayerNorm.beta");
                entries.put(
                    "bert." + old,
                    BertLayout.isVector(name)
                        ? SafetensorsWriter.Entry.vector(matrix)
                        : SafetensorsWriter.Entry.of(matrix));
              });
      entries.put(
          "bert.embeddings.position_ids",
          SafetensorsWriter.Entry.of(memory.matrix(DType.I64, 1, 5)));
      SafetensorsWriter.write(tiny.resolve("model.safetensors"), entries, Map.of());
      TinyModel.assertTensors(HuggingFaceDirectory.read(tiny, memory).tensors());

      entries.put(
          "embeddings.LayerNorm.weight",
          SafetensorsWriter.Entry.vector(memory.matrix(DType.F32, 1, 6)));
      SafetensorsWriter.write(tiny.resolve("model.safetensors"), entries, Map.of());
      assertBad("tensor embeddings.LayerNorm.weight under two names");
    }
  }

  @Test
  void otherArchitecturesAreNamed() throws IOException {
    editConfig("\"model_type\": \"bert\"", "\"model_type\": \"roberta\"");
    assertBad("model_type is \"roberta\", expected \"bert\"");
    editConfig("\"model_type\": \"roberta\",", "");
    assertBad("model_type is missing, expected \"bert\"");
    writeTinyModel();
    editConfig("\"gelu\"", "\"gelu_new\"");
    assertBad("hidden_act is \"gelu_new\"");
    writeTinyModel();
    editConfig("\"absolute\"", "\"relative_key\"");
    assertBad("position_embedding_type");
  }

  @Test
  void sizesThatDoNotFitAreNamed() throws IOException {
    editConfig("\"vocab_size\": 7", "\"vocab_size\": 8");
    assertBad("word_embeddings.weight has shape [7, 6], expected [8, 6]");
    writeTinyModel();
    editConfig("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    assertBad("holds no tensor encoder.layer.2.attention.self.query.weight");
    writeTinyModel();
    editConfig("\"num_attention_heads\": 3", "\"num_attention_heads\": 4");
    assertBad("expected a multiple of heads = 4");
    writeTinyModel();
    editConfig("\"hidden_size\": 6", "\"hidden_size\": \"six\"");
    assertBad("hidden_size is \"six\", expected a number");
    writeTinyModel();
    editConfig("\"hidden_size\": 6", "\"hidden_size\": 6.5");
    assertBad("hidden_size is 6.5, expected a whole number");
    writeTinyModel();
    editConfig("{", "[");
    assertBad("config.json is malformed");
  }

  @Test
  void missingAndTruncatedFilesAreNamed() throws IOException {
    Path weights = tiny.resolve("model.safetensors");
    byte[] whole = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(whole, whole.length - 1));
    assertBad("is truncated");
    Files.delete(weights);
    assertBad("model.safetensors does not exist");
    writeTinyModel();
    Files.writeString(tiny.resolve("vocab.txt"), "a\n".repeat(8));
    assertBad("has 8 word pieces, expected at most 7");
    Files.writeString(tiny.resolve("tokenizer_config.json"), "{\"do_lower_case\": false}");
    assertBad("do_lower_case false");
    Files.delete(tiny.resolve("vocab.txt"));
    assertBad("holds neither tokenizer.json nor vocab.txt");
    Files.delete(tiny.resolve("config.json"));
    assertBad("config.json does not exist");
    tiny = directory.resolve("nowhere");
    assertBad("is no directory");
  }

  @Test
  void anIncompleteModelIsNotWritten() {
    try (HostMemory memory = new HostMemory()) {
      Map<String, Matrix> tensors = new LinkedHashMap<>(TinyModel.tensors(memory));
      tensors.remove("encoder.layer.0.output.dense.weight");
      PretrainedModel model =
          new PretrainedModel(
              "t", TinyModel.CONFIG, tensors, new PretrainedModel.TokenizerJson("{}"));
      Path target = directory.resolve("new");
      assertThrows(
          BadInputException.class, () -> HuggingFaceDirectory.write(target, model, Map.of()));
      assertFalse(Files.exists(target));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;

/** The artifacts as they are published; those that are nowhere on the machine are skipped. */
class RealModelsTest {
  @TempDir private Path directory;

  private static PretrainedModel load(String name, HostMemory memory) {
    ModelCatalog catalog = ModelCatalog.standard();
    assumeTrue(
        Boolean.getBoolean("limbeck.models.fetch") || catalog.find(name).isPresent(),
        name + " is not on this machine; -Dlimbeck.models.fetch=true fetches it");
    return catalog.load(name, memory);
  }

  private static long parameters(PretrainedModel model) {
    return model.tensors().values().stream().mapToLong(Matrix::elements).sum();
  }

  private static void assertUsable(PretrainedModel model) {
    model
        .tensors()
        .forEach(
            (name, matrix) -> {
              assertEquals(DType.F32, matrix.type(), name);
              assertTrue(matrix.isContiguous(), name);
              assertEquals(0, matrix.segment().address() % HostMemory.ALIGNMENT, name);
              double squares = 0;
              for (long i = 0; i < matrix.elements(); i++) {
                float value = matrix.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
                squares += (double) value * value;
              }
              double rms = Math.sqrt(squares / matrix.elements());
              // The pooler of MiniLM was never trained: its bias is zero in the published file.
              boolean zero = name.equals("pooler.dense.bias");
              assertTrue((zero || rms > 1e-6) && rms < 10, name + " has root mean square " + rms);
            });
  }

  @Test
  void miniLmIsReadFromTheClassPath() {
    try (HostMemory memory = new HostMemory()) {
      PretrainedModel model = ModelCatalog.standard().load(ModelCatalog.DEFAULT, memory);
      assertEquals("minilm", model.name());
      assertEquals(new BertConfig(6, 384, 12, 1536, 30522, 512, 2, 1e-12), model.config());
      assertEquals(22_713_216, parameters(model));
      assertEquals(6 * 16 + 5 + 2, model.tensors().size());
      assertUsable(model);
      Matrix up = model.tensors().get("encoder.layer.5.intermediate.dense.weight");
      assertEquals(1536, up.rows());
      assertEquals(384, up.cols());
      assertTrue(model.vocabulary() instanceof PretrainedModel.TokenizerJson);
      String json = ((PretrainedModel.TokenizerJson) model.vocabulary()).json();
      assertTrue(json.contains("\"WordPiece\""));

      // What was read is what a directory in Hugging Face's layout gives back.
      HuggingFaceDirectory.write(directory.resolve("minilm-copy"), model, Map.of());
      PretrainedModel copy =
          ModelCatalog.standard().load(directory.resolve("minilm-copy").toString(), memory);
      assertEquals(model.config(), copy.config());
      assertEquals(model.vocabulary(), copy.vocabulary());
      assertSameNumbers(model.tensors(), copy.tensors());
    }
  }

  private static void assertSameNumbers(Map<String, Matrix> want, Map<String, Matrix> got) {
    assertEquals(new TreeMap<>(want).keySet(), new TreeMap<>(got).keySet());
    want.forEach(
        (name, matrix) -> {
          MemorySegment bytes = matrix.segment();
          assertEquals(-1, bytes.mismatch(got.get(name).segment()), name);
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"e5-small", "bge-small"})
  void smallEncodersOfTwelveLayers(String name) {
    try (HostMemory memory = new HostMemory()) {
      PretrainedModel model = load(name, memory);
      assertEquals(new BertConfig(12, 384, 12, 1536, 30522, 512, 2, 1e-12), model.config());
      assertEquals(33_212_160, parameters(model));
      assertFalse(model.tensors().containsKey("pooler.dense.weight"));
      assertUsable(model);
    }
  }

  @Test
  void bertBaseWithPoolerAndLanguageModelHead() {
    try (HostMemory memory = new HostMemory()) {
      PretrainedModel model = load("bert-base", memory);
      assertEquals(new BertConfig(12, 768, 12, 3072, 30522, 512, 2, 1e-12), model.config());
      // 109,482,240 of encoder and pooler; 622,650 of the head without its tied decoder.
      assertEquals(109_482_240 + 622_650, parameters(model));
      for (String name :
          new String[] {
            "pooler.dense.weight",
            "cls.predictions.transform.dense.weight",
            "cls.predictions.transform.LayerNorm.weight",
            "cls.predictions.transform.LayerNorm.bias",
            "cls.predictions.bias"
          }) {
        assertTrue(model.tensors().containsKey(name), name);
      }
      assertUsable(model);
      String words = ((PretrainedModel.WordPieceList) model.vocabulary()).text();
      assertEquals(30522, words.lines().count());
      assertEquals("[CLS]", words.lines().skip(101).findFirst().orElseThrow());
    }
  }
}

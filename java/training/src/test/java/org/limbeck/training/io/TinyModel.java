// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.bert.BertConfig;

/** An encoder of two layers with random numbers, from which tests write files. */
final class TinyModel {
  static final BertConfig CONFIG = new BertConfig(2, 6, 3, 10, 7, 5, 2, 1e-12);

  private TinyModel() {}

  /** Returns the shapes of all tensors of the encoder and its pooler. */
  static Map<String, int[]> shapes() {
    Map<String, int[]> shapes = new LinkedHashMap<>();
    shapes.put("embeddings.word_embeddings.weight", new int[] {7, 6});
    shapes.put("embeddings.position_embeddings.weight", new int[] {5, 6});
    shapes.put("embeddings.token_type_embeddings.weight", new int[] {2, 6});
    norm(shapes, "embeddings");
    for (int k = 0; k < 2; k++) {
      String layer = "encoder.layer." + k + ".";
      linear(shapes, layer + "attention.self.query", 6, 6);
      linear(shapes, layer + "attention.self.key", 6, 6);
      linear(shapes, layer + "attention.self.value", 6, 6);
      linear(shapes, layer + "attention.output.dense", 6, 6);
      norm(shapes, layer + "attention.output");
      linear(shapes, layer + "intermediate.dense", 10, 6);
      linear(shapes, layer + "output.dense", 6, 10);
      norm(shapes, layer + "output");
    }
    linear(shapes, "pooler.dense", 6, 6);
    return shapes;
  }

  /** Returns the numbers of all tensors, row after row. */
  static Map<String, float[]> values() {
    Map<String, float[]> values = new LinkedHashMap<>();
    long[] stream = {0};
    shapes()
        .forEach(
            (name, shape) -> {
              float[] numbers = new float[shape[0] * shape[1]];
              for (int i = 0; i < numbers.length; i++) {
                numbers[i] = Philox.word(11, stream[0], i, 0) * 0x1p-31f;
              }
              stream[0]++;
              values.put(name, numbers);
            });
    return values;
  }

  /** Returns the tensors as matrices. */
  static Map<String, Matrix> tensors(HostMemory memory) {
    Map<String, Matrix> tensors = new LinkedHashMap<>();
    values()
        .forEach(
            (name, numbers) -> {
              int[] shape = shapes().get(name);
              tensors.put(name, memory.copyOf(numbers, shape[0], shape[1]));
            });
    return tensors;
  }

  /** Returns little-endian bytes of a matrix of some shape, transposed if asked for. */
  static byte[] bytes(float[] numbers, int rows, int cols, boolean transpose) {
    ByteBuffer bytes =
        ByteBuffer.allocate(numbers.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < numbers.length; i++) {
      bytes.putFloat(numbers[transpose ? (i % rows) * cols + i / rows : i]);
    }
    return bytes.array();
  }

  /** Asserts that exactly these tensors were read, with their numbers and shapes. */
  static void assertTensors(Map<String, Matrix> got) {
    assertEquals(Set.copyOf(shapes().keySet()), Set.copyOf(got.keySet()));
    values()
        .forEach(
            (name, numbers) -> {
              assertEquals(shapes().get(name)[0], got.get(name).rows(), name);
              assertArrayEquals(numbers, got.get(name).toFloatArray(), name);
            });
  }

  private static void linear(Map<String, int[]> shapes, String name, int out, int in) {
    shapes.put(name + ".weight", new int[] {out, in});
    shapes.put(name + ".bias", new int[] {1, out});
  }

  private static void norm(Map<String, int[]> shapes, String name) {
    shapes.put(name + ".LayerNorm.weight", new int[] {1, 6});
    shapes.put(name + ".LayerNorm.bias", new int[] {1, 6});
  }
}

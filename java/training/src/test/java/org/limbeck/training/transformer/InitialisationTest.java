// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Tensors;

class InitialisationTest {
  private static Map<String, float[]> values(TransformerConfig config, long seed) {
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Transformer model = new Transformer(compute, config);
      model.initialise(seed);
      Map<String, float[]> values = new TreeMap<>();
      for (Parameter parameter : model.parameters().all()) {
        values.put(parameter.name(), Tensors.download(compute.memory(), parameter.value()));
      }
      return values;
    }
  }

  /** Asserts that values fill an interval evenly: the largest is near its end, the mean near 0. */
  private static void assertUniform(double bound, float[] values) {
    double largest = 0;
    double squares = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
      squares += value * value;
    }
    assertTrue(largest <= bound && largest > 0.9 * bound, largest + " of " + bound);
    // The variance of a uniform variate; four standard errors of its estimate.
    double variance = bound * bound / 3;
    double error = variance * Math.sqrt(0.8 / values.length);
    assertEquals(variance, squares / values.length, 4 * error);
  }

  private static void assertAll(float want, float[] values) {
    for (float value : values) {
      assertEquals(want, value);
    }
  }

  @Test
  void valuesAreThoseOfTheRecipe() {
    TransformerConfig config = new TransformerModels(200, 180, 0.3).pet(64);
    Map<String, float[]> v = values(config, 7);
    double half = Math.sqrt(0.5);
    String e = "encoder.layers.1.";
    String d = "decoder.layers.0.";
    assertUniform(half * Math.sqrt(6.0 / 128), v.get(e + "self_attn.k_proj.weight"));
    assertUniform(half * Math.sqrt(6.0 / 128), v.get(e + "self_attn.q_proj.weight"));
    assertUniform(Math.sqrt(6.0 / 128), v.get(e + "self_attn.out_proj.weight"));
    assertAll(0, v.get(e + "self_attn.out_proj.bias"));
    assertUniform(1 / 8.0, v.get(e + "fc1.weight"));
    assertUniform(1 / Math.sqrt(128), v.get(e + "fc2.weight"));
    assertUniform(1 / 8.0, v.get(e + "fc1.bias"));
    assertAll(1, v.get(e + "final_layer_norm.weight"));
    assertAll(0, v.get(e + "self_attn_layer_norm.bias"));
    // Tied, and so with the gain of cross-attention.
    assertUniform(Math.sqrt(6.0 / 96), v.get(d + "self_attn.q_proj.weight"));
    assertUniform(half * Math.sqrt(6.0 / 96), v.get(d + "self_attn.v_proj.weight"));
    assertUniform(Math.sqrt(6.0 / 112), v.get(d + "encoder_attn.k_proj.weight"));
    float[] untied =
        values(config.withTying(QueryTying.NONE), 7).get(d + "self_attn.q_proj.weight");
    assertUniform(half * Math.sqrt(6.0 / 96), untied);

    float[] table = v.get("decoder.embed_tokens.weight");
    double squares = 0;
    for (float value : table) {
      squares += value * value;
    }
    assertEquals(1, squares / 179, 0.08);
    assertAll(0, Arrays.copyOfRange(table, 48, 96));
  }

  @Test
  void compressedLayersHaveTheirs() {
    Map<String, float[]> v = values(new TransformerModels(200, 180, 0.3).compressed(64, 2), 7);
    assertUniform(Math.sqrt(6.0 / 192), v.get("decoder.layers.1.source_v_proj.weight"));
    assertUniform(Math.sqrt(6.0 / 128), v.get("decoder.layers.1.q_proj.weight"));
    assertAll(0, v.get("decoder.layers.1.fc1.bias"));
    assertAll(1, v.get("decoder.layers.1.layer_norm.weight"));
  }

  @Test
  void aSeedGivesTheSameValues() {
    TransformerConfig config = RandomTransformer.config("pet");
    Map<String, float[]> first = values(config, 1);
    Map<String, float[]> again = values(config, 1);
    Map<String, float[]> other = values(config, 2);
    first.forEach((name, values) -> assertArrayEquals(values, again.get(name), name));
    String weight = "encoder.layers.0.fc1.weight";
    assertFalse(Arrays.equals(first.get(weight), other.get(weight)));
    assertFalse(Arrays.equals(first.get(weight), first.get("encoder.layers.1.fc1.weight")));
  }

  /** fairseq's table: sines, then cosines; position 0 is row 2, and the row of padding is 0. */
  @Test
  void positionsHaveFairseqsLayout() {
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Matrix table = SinusoidalPositions.table(compute.memory(), 6);
      float[] got = Tensors.download(compute.memory(), table);
      assertEquals(1026 * 6, got.length);
      assertEquals(2, SinusoidalPositions.row(0));
      float[] third = Arrays.copyOfRange(got, 18, 24);
      double[] want = {
        Math.sin(3), Math.sin(0.03), Math.sin(3e-4), Math.cos(3), Math.cos(0.03), Math.cos(3e-4)
      };
      for (int i = 0; i < 6; i++) {
        assertEquals(want[i], third[i], 1e-7);
      }
      assertAll(0, Arrays.copyOfRange(got, 6, 12));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Tensors;

class OptimizerTest {
  private final Limbeck limbeck = Limbeck.open();
  private final Compute compute = new Compute(limbeck);
  private final ParameterSet parameters = new ParameterSet(compute.memory());

  @AfterEach
  void close() {
    compute.close();
    limbeck.close();
  }

  private void set(Matrix target, float... values) {
    Tensors.upload(compute.memory(), target, i -> values[(int) i]);
  }

  /**
   * Golden vector 9 of the specification of QAT-KD: gradients of norm 5 clipped to 1, no bias
   * correction, decay, and a first step of rate 0. Its differences are exact to 1e-7.
   */
  @Test
  void bertAdamFollowsTheGoldenVector() {
    Parameter w = parameters.add("classifier.weight", 1, 2);
    set(w.value(), 1, -2);
    Optimizer optimizer =
        Optimizer.bertAdam(compute, parameters, 2e-5, Schedule.warmupLinear(10, 0.1));
    float[][] want = {{1, -2}, {0.9999148f, -2.0000846f}, {0.9998266f, -2.0001722f}};
    for (int step = 0; step < want.length; step++) {
      set(w.gradient(), 3, 4);
      assertEquals(step, optimizer.steps());
      optimizer.step();
      assertArrayEquals(want[step], Tensors.download(compute.memory(), w.value()), 2.5e-7f);
    }
  }

  /** A gradient of 0 leaves the decay alone: w (1 - rate * decay) a step. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void biasesAndLayerNormsAreNotDecayed(boolean bert) {
    Map<String, Boolean> decayed = new LinkedHashMap<>();
    decayed.put("embeddings.word_embeddings.weight", true);
    decayed.put("embeddings.position_embeddings.weight", true);
    decayed.put("embeddings.LayerNorm.weight", false);
    decayed.put("embeddings.LayerNorm.bias", false);
    decayed.put("encoder.layer.0.attention.self.query.weight", true);
    decayed.put("encoder.layer.0.attention.self.query.bias", false);
    decayed.put("encoder.layer.0.attention.output.LayerNorm.weight", false);
    decayed.put("encoder.layer.0.output.dense.weight", true);
    decayed.put("pooler.dense.weight", true);
    decayed.put("pooler.dense.bias", false);
    decayed.put("classifier.weight", true);
    decayed.put("classifier.bias", false);
    decayed.keySet().forEach(name -> set(parameters.add(name, 1, 2).value(), 1, -4));
    Optimizer optimizer =
        bert
            ? Optimizer.bertAdam(compute, parameters, 0.5, Schedule.CONSTANT)
            : Optimizer.adamW(compute, parameters, 0.5, Schedule.CONSTANT);
    optimizer.step();
    float kept = 1 - 0.5f * 0.01f;
    decayed.forEach(
        (name, is) ->
            assertArrayEquals(
                is ? new float[] {kept, -4 * kept} : new float[] {1, -4},
                Tensors.download(compute.memory(), parameters.byName().get(name).value()),
                1e-6f,
                name));
  }

  /** A gradient of 0 leaves the decay alone, of biases and normalisation too. */
  @Test
  void allMayBeDecayed() {
    AdamW.Spec spec = new AdamW.Spec(0.9, 0.98, 1e-8, 0.01);
    for (String name : new String[] {"fc1.weight", "fc1.bias", "final_layer_norm.weight"}) {
      set(parameters.add(name, 1, 2).value(), 1, -4);
    }
    Optimizer.adamWOfAll(compute, parameters, spec, 0.5, Schedule.CONSTANT).step();
    float kept = 1 - 0.5f * 0.01f;
    for (Parameter parameter : parameters.all()) {
      assertArrayEquals(
          new float[] {kept, -4 * kept},
          Tensors.download(compute.memory(), parameter.value()),
          1e-6f);
    }
  }

  /** With bias correction the first step of Adam is the rate, whatever the gradient's size. */
  @Test
  void adamCorrectsItsBias() {
    Parameter b = parameters.add("classifier.bias", 1, 2);
    set(b.value(), 1, 1);
    set(b.gradient(), 1e-3f, -50);
    Optimizer.adamW(compute, parameters, 0.01, Schedule.CONSTANT).step();
    assertArrayEquals(
        new float[] {0.99f, 1.01f}, Tensors.download(compute.memory(), b.value()), 1e-6f);
  }

  @Test
  void badLearningRatesAreRefused() {
    for (double rate : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertEquals(
          "Optimizer: learningRate: given " + rate + ", expected a finite number above 0",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> Optimizer.bertAdam(compute, parameters, rate, Schedule.CONSTANT))
              .getMessage());
    }
  }
}

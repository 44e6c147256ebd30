// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.op.GemmF32;

/**
 * Training with the kernels of CUDA, by default emulated, beside the reference; {@code
 * -Dlimbeck.cuda.tested=cuda} asks for the device.
 */
class CudaTrainingTest extends DeviceTraining {
  /**
   * The greatest difference of losses and gradients, in parts of the whole: some hundred roundings
   * of float32.
   */
  private static final double BOUND = 1e-4;

  /** That of products in tf32: some tens of roundings by up to 2^-11. */
  private static final double TF32_BOUND = 2e-2;

  /** What some gradient is off by if factors were rounded; those of float32 are nearer. */
  private static final double TF32_LEAST = 1e-5;

  /**
   * That of quantized networks, where a rounding that goes the other way moves an activation by a
   * level.
   */
  private static final double QUANTIZED_BOUND = 2e-2;

  /**
   * That of what the optimizer added: near 0 it takes the sign of a gradient, whatever its size.
   */
  private static final double UPDATE_BOUND = 5e-2;

  private GemmF32.Precision precision = GemmF32.Precision.F32;

  @Override
  GemmF32.Precision precision() {
    return precision;
  }

  /** Without quantizers, which would turn a rounding into a whole level. */
  @ParameterizedTest
  @ValueSource(strings = {"map+output", "baseline"})
  void stepsOfQatKdInTf32(String losses) {
    precision = GemmF32.Precision.TF32;
    stepsOfQatKd(losses, "NONE");
  }

  @Test
  void stepsOfTranslationInTf32() {
    precision = GemmF32.Precision.TF32;
    stepsOfTranslation("pet");
  }

  @Override
  Limbeck openDevice() {
    String property = System.getProperty("limbeck.cuda.tested", "");
    String name = property.isEmpty() ? "cuda-emulated" : property;
    Backends backends = Backends.discover();
    assumeTrue(
        backends.available().stream().anyMatch(b -> b.name().equals(name)),
        () ->
            backends.missing().stream()
                .filter(missing -> missing.name().equals(name))
                .map(Backends.Missing::toString)
                .findFirst()
                .orElse(name + ": its module is not on the class path"));
    return Limbeck.open(backends, new Device(name, 0), 1);
  }

  @Override
  void assertAgree(Outcome want, Outcome got, boolean quantized) {
    boolean tf32 = precision == GemmF32.Precision.TF32;
    double bound = quantized ? QUANTIZED_BOUND : tf32 ? TF32_BOUND : BOUND;
    double furthest = 0;
    for (int i = 0; i < want.losses().length; i++) {
      assertTrue(want.losses()[i] > 0, "loss " + want.losses()[i]);
      assertEquals(want.losses()[i], got.losses()[i], bound * want.losses()[i], "step " + i);
    }
    assertSameBits(want.begin(), got.begin());
    double all = norm(want.gradients());
    for (String name : want.gradients().keySet()) {
      float[] gradient = want.gradients().get(name);
      // Some gradients, as of the biases of keys, are 0 but for rounding.
      assertNear(
          gradient,
          got.gradients().get(name),
          bound * (norm(gradient) + 1e-3 * all),
          "gradient of " + name);
      if (norm(gradient) > 1e-3 * all) {
        furthest =
            Math.max(furthest, distance(gradient, got.gradients().get(name)) / norm(gradient));
      }
    }
    assertTrue(!tf32 || furthest > TF32_LEAST, "nothing was rounded to tf32: " + furthest);
    double difference = 0;
    double moved = 0;
    for (String name : want.values().keySet()) {
      float[] before = want.begin().get(name);
      float[] w = want.values().get(name);
      float[] g = got.values().get(name);
      if (norm(want.gradients().get(name)) < 1e-5 * all) {
        continue;
      }
      for (int i = 0; i < w.length; i++) {
        difference += Math.pow((double) w[i] - g[i], 2);
        moved += Math.pow((double) w[i] - before[i], 2);
      }
    }
    assertTrue(moved > 0);
    assertEquals(0, Math.sqrt(difference / moved), UPDATE_BOUND, "difference of updates");
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum);
  }

  private static double norm(Map<String, float[]> all) {
    return Math.sqrt(all.values().stream().mapToDouble(v -> Math.pow(norm(v), 2)).sum());
  }

  private static double distance(float[] some, float[] others) {
    assertEquals(some.length, others.length);
    float[] difference = some.clone();
    for (int i = 0; i < some.length; i++) {
      difference[i] -= others[i];
    }
    return norm(difference);
  }

  private static void assertNear(float[] want, float[] got, double bound, String what) {
    double norm = distance(want, got);
    assertTrue(norm <= bound, () -> what + ": difference " + norm + ", bound " + bound);
  }
}

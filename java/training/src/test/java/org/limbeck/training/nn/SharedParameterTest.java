// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.NormalVariates;

class SharedParameterTest {
  private static final int WIDTH = 7;
  private static final int ROWS = 5;

  /** Runs y = second(first(x)) and its backward from a gradient of y. */
  private static void run(Compute compute, Linear first, Linear second) {
    Matrix x = compute.memory().matrix(DType.F32, ROWS, WIDTH);
    Matrix between = compute.memory().matrix(DType.F32, ROWS, WIDTH);
    Matrix y = compute.memory().matrix(DType.F32, ROWS, WIDTH);
    Matrix gradY = compute.memory().matrix(DType.F32, ROWS, WIDTH);
    Matrix gradBetween = compute.memory().matrix(DType.F32, ROWS, WIDTH);
    Tensors.upload(compute.memory(), x, i -> (float) NormalVariates.at(5, 0, i));
    Tensors.upload(compute.memory(), gradY, i -> (float) NormalVariates.at(5, 1, i));
    first.forward(x, between);
    second.forward(between, y);
    second.backwardParameters(between, gradY);
    second.backwardInput(gradY, gradBetween, false);
    first.backwardParameters(x, gradBetween);
  }

  private static Parameter random(ParameterSet set, String name, long rows, Compute compute) {
    Parameter parameter = set.add(name, rows, WIDTH);
    // The same numbers for parameters of the same shape.
    Tensors.upload(
        compute.memory(), parameter.value(), i -> (float) (0.5 * NormalVariates.at(6, rows, i)));
    return parameter;
  }

  private static Linear layer(Compute compute, Parameter weight, Parameter bias) {
    return new Linear(compute, new Weight(compute, weight, null), bias);
  }

  private static float[] gradient(Compute compute, Parameter parameter) {
    return Tensors.download(compute.memory(), parameter.gradient());
  }

  private static float[] sum(float[] a, float[] b) {
    float[] sum = new float[a.length];
    for (int i = 0; i < a.length; i++) {
      sum[i] = a[i] + b[i];
    }
    return sum;
  }

  @Test
  void gradientsOfASharedParameterAddUp() {
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      ParameterSet set = new ParameterSet(compute.memory());
      Parameter shared = random(set, "shared.weight", WIDTH, compute);
      Parameter sharedBias = random(set, "shared.bias", 1, compute);
      run(compute, layer(compute, shared, sharedBias), layer(compute, shared, sharedBias));
      Parameter w1 = random(set, "1.weight", WIDTH, compute);
      Parameter b1 = random(set, "1.bias", 1, compute);
      Parameter w2 = random(set, "2.weight", WIDTH, compute);
      Parameter b2 = random(set, "2.bias", 1, compute);
      run(compute, layer(compute, w1, b1), layer(compute, w2, b2));
      assertArrayEquals(
          sum(gradient(compute, w1), gradient(compute, w2)), gradient(compute, shared), 1e-5f);
      assertArrayEquals(
          sum(gradient(compute, b1), gradient(compute, b2)), gradient(compute, sharedBias), 1e-5f);
    }
  }

  @Test
  void aNameIsUsedOnce() {
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      ParameterSet set = new ParameterSet(compute.memory());
      set.add("w", 1, 2);
      assertThrows(IllegalArgumentException.class, () -> set.add("w", 1, 2));
    }
  }

  @Test
  void aFixedParameterHasNoGradient() {
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Matrix value = compute.memory().matrix(DType.F32, ROWS, WIDTH);
      Parameter fixed = Parameter.fixed("fixed", value);
      assertSame(value, fixed.value());
      Exception e = assertThrows(IllegalStateException.class, fixed::gradient);
      assertTrue(e.getMessage().contains("fixed [5, 7]"), e.getMessage());
    }
  }
}

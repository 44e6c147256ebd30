// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Gelu;

/** The contract of gelu. */
public abstract class GeluContract extends ElementwiseContract<Gelu.Spec, Elementwise.Backward> {
  /** Tests a backend. */
  protected GeluContract(String backend) {
    super(
        backend,
        Gelu.FORWARD,
        Gelu.BACKWARD,
        Elementwise.Backward::new,
        List.of(new Gelu.Spec(Gelu.Form.ERF), new Gelu.Spec(Gelu.Form.TANH)),
        1e-6,
        1e-7);
  }

  /** Returns P(x) by Simpson's rule over the density from 0: an independent way to the function. */
  private static double distribution(double x) {
    int steps = 2000;
    double sum = 0;
    for (int i = 0; i <= steps; i++) {
      double t = x * i / steps;
      int weight = i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2;
      sum += weight * Math.exp(-t * t / 2);
    }
    return 0.5 + sum * x / steps / 3 / Math.sqrt(2 * Math.PI);
  }

  private static double gelu(Gelu.Form form, double x) {
    return form == Gelu.Form.ERF
        ? x * distribution(x)
        : x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  @ParameterizedTest
  @EnumSource(Gelu.Form.class)
  void isAccurateOverItsRange(Gelu.Form form) {
    try (Tensors t = Tensors.aligned(SEED)) {
      int n = 4001;
      Matrix x = t.zeros(DType.F32, 1, n);
      for (int c = 0; c < n; c++) {
        x.setFloat(0, c, (c - 2000) / 300f);
      }
      Matrix y = apply(t, new Gelu.Spec(form), x);
      for (int c = 0; c < n; c++) {
        double want = gelu(form, x.getFloat(0, c));
        double bound = Math.abs(want) < 0.1 ? 1e-7 : 1e-6 * Math.abs(want);
        float at = x.getFloat(0, c);
        assertWithin(want, y.getFloat(0, c), bound, () -> form + " gelu of " + at);
      }
    }
  }

  /** y(x) - y(-x) = x, for both forms. */
  @ParameterizedTest
  @EnumSource(Gelu.Form.class)
  void differsFromItsMirrorByX(Gelu.Form form) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(1, 130, 2);
      Matrix negated = t.zeros(DType.F32, 1, 130);
      for (long c = 0; c < 130; c++) {
        negated.setFloat(0, c, -x.getFloat(0, c));
      }
      Matrix y = apply(t, new Gelu.Spec(form), x);
      Matrix mirror = apply(t, new Gelu.Spec(form), negated);
      for (long c = 0; c < 130; c++) {
        double at = x.getFloat(0, c);
        assertEquals(
            at, (double) y.getFloat(0, c) - mirror.getFloat(0, c), 3e-7 + 1e-6 * Math.abs(at));
      }
    }
  }

  @Test
  void limitsAreExact() {
    for (Gelu.Form form : Gelu.Form.values()) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.zeros(DType.F32, 1, 4);
        x.setFloat(0, 0, 20);
        x.setFloat(0, 1, -50);
        x.setFloat(0, 2, Float.POSITIVE_INFINITY);
        x.setFloat(0, 3, Float.NEGATIVE_INFINITY);
        Matrix y = apply(t, new Gelu.Spec(form), x);
        assertEquals(20f, y.getFloat(0, 0));
        assertTrue(y.getFloat(0, 1) == 0);
        assertEquals(Float.POSITIVE_INFINITY, y.getFloat(0, 2));
        assertTrue(y.getFloat(0, 3) == 0);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Gelu.Form.class)
  void gradientMatchesCentralDifferences(Gelu.Form form) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(2, 21, 1.5);
      Matrix weight = t.normal(2, 21, 1);
      Matrix gradX = chain(t, new Gelu.Spec(form), x, weight);
      GradientCheck.check(
          x,
          gradX,
          values -> {
            double total = 0;
            for (int r = 0; r < values.length; r++) {
              for (int c = 0; c < values[r].length; c++) {
                total += weight.getFloat(r, c) * gelu(form, values[r][c]);
              }
            }
            return total;
          },
          "gelu " + form,
          SEED);
    }
  }
}

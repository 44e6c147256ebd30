// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Tanh;

/** The contract of tanh. */
public abstract class TanhContract extends ElementwiseContract<Tanh.Spec, Tanh.Backward> {
  private static final Tanh.Spec SPEC = new Tanh.Spec();
  private static final double RELATIVE = 1e-6;

  /** Tests a backend. */
  protected TanhContract(String backend) {
    super(backend, Tanh.FORWARD, Tanh.BACKWARD, Tanh.Backward::new, List.of(SPEC), RELATIVE, 0);
  }

  @Override
  String keptName() {
    return "y";
  }

  @Override
  Matrix kept(Tensors t, Tanh.Spec spec, Matrix x) {
    return applyReference(t, spec, x);
  }

  /** Returns tanh by Lambert's continued fraction: an independent way to the function. */
  private static double tanh(double x) {
    if (Math.abs(x) > 20) {
      return Math.signum(x);
    }
    double fraction = 101;
    for (int k = 99; k >= 1; k -= 2) {
      fraction = k + x * x / fraction;
    }
    return x / fraction;
  }

  @Test
  void isAccurateOverItsRange() {
    try (Tensors t = Tensors.aligned(SEED)) {
      int n = 6001;
      Matrix x = t.zeros(DType.F32, 1, n);
      for (int c = 0; c < n; c++) {
        x.setFloat(0, c, (c - 3000) / 300f);
      }
      assertAccurate(x, apply(t, SPEC, x));
    }
  }

  /** Through all binades, where 1 - 2 / (exp(2 x) + 1) would lose the digits of small values. */
  @Test
  void keepsItsDigitsNearZero() {
    try (Tensors t = Tensors.aligned(SEED)) {
      int n = 2 * 155;
      Matrix x = t.zeros(DType.F32, 1, n);
      for (int c = 0; c < n; c += 2) {
        x.setFloat(0, c, 1.37f * (float) Math.scalb(1.0, 6 - c / 2));
        x.setFloat(0, c + 1, -x.getFloat(0, c));
      }
      assertAccurate(x, apply(t, SPEC, x));
    }
  }

  private static void assertAccurate(Matrix x, Matrix y) {
    for (long c = 0; c < x.cols(); c++) {
      float at = x.getFloat(0, c);
      double want = tanh(at);
      // A subnormal result is good to its last place, which may be more than the relative bound.
      double bound = RELATIVE * Math.abs(want) + Float.MIN_VALUE;
      assertWithin(want, y.getFloat(0, c), bound, () -> "tanh of " + at);
    }
  }

  @Test
  void isOddAndNeverAboveOne() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(3, 131, 4);
      Matrix negated = t.zeros(DType.F32, 3, 131);
      for (long r = 0; r < 3; r++) {
        for (long c = 0; c < 131; c++) {
          negated.setFloat(r, c, -x.getFloat(r, c));
        }
      }
      Matrix y = apply(t, SPEC, x);
      Matrix mirror = apply(t, SPEC, negated);
      for (long r = 0; r < 3; r++) {
        for (long c = 0; c < 131; c++) {
          assertEquals(y.getFloat(r, c), -mirror.getFloat(r, c));
          assertTrue(Math.abs(y.getFloat(r, c)) <= 1);
        }
      }
    }
  }

  @Test
  void limitsAndZerosAreExact() {
    float inf = Float.POSITIVE_INFINITY;
    float[] at = {inf, -inf, 3e38f, -3e38f, 20, -20, 0f, -0f, Float.MIN_VALUE, -Float.MIN_VALUE};
    float[] want = {1, -1, 1, -1, 1, -1, 0f, -0f, Float.MIN_VALUE, -Float.MIN_VALUE};
    try (Tensors t = Tensors.aligned(SEED)) {
      // Three times, so that they fall into whole vectors and into the tail.
      Matrix x = t.zeros(DType.F32, 1, 3L * at.length + 1);
      Matrix gradY = t.zeros(DType.F32, 1, x.cols());
      for (int c = 0; c < x.cols(); c++) {
        x.setFloat(0, c, at[c % at.length]);
        gradY.setFloat(0, c, 2);
      }
      Matrix y = apply(t, SPEC, x);
      Matrix gradX = chain(t, SPEC, y, gradY);
      for (int c = 0; c < x.cols(); c++) {
        // Assertions on floats tell 0 from -0.
        assertEquals(want[c % want.length], y.getFloat(0, c));
        assertEquals(Math.abs(want[c % want.length]) == 1 ? 0f : 2f, gradX.getFloat(0, c));
      }
    }
  }

  @Test
  void nanStaysInItsElement() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(2, 39, 1);
      Matrix gradY = t.normal(2, 39, 1);
      for (long c : new long[] {2, 37}) {
        x.setFloat(0, c, Float.NaN);
        gradY.setFloat(1, c, Float.NaN);
      }
      Matrix y = apply(t, SPEC, x);
      Matrix gradX = chain(t, SPEC, y, gradY);
      for (long r = 0; r < 2; r++) {
        for (long c = 0; c < 39; c++) {
          boolean nan = c == 2 || c == 37;
          assertEquals(nan && r == 0, Float.isNaN(y.getFloat(r, c)));
          assertEquals(nan, Float.isNaN(gradX.getFloat(r, c)));
        }
      }
    }
  }

  /** The gradient follows the y that is given, up to the last value below 1. */
  @Test
  void slopeIsOneMinusTheSquareOfTheOutput() {
    try (Tensors t = Tensors.aligned(SEED)) {
      int n = 41;
      Matrix y = t.zeros(DType.F32, 1, n);
      Matrix gradY = t.normal(1, n, 1);
      for (int c = 0; c < n; c++) {
        y.setFloat(0, c, (c % 2 == 0 ? 1 : -1) * (float) (1 - Math.scalb(1.0, -c * 24 / (n - 1))));
      }
      Matrix gradX = chain(t, SPEC, y, gradY);
      for (int c = 0; c < n; c++) {
        double at = y.getFloat(0, c);
        double want = gradY.getFloat(0, c) * (1 - at * at);
        assertWithin(want, gradX.getFloat(0, c), RELATIVE * Math.abs(want), () -> "slope of " + at);
      }
    }
  }

  @Test
  void gradientMatchesCentralDifferences() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(2, 21, 1.5);
      Matrix weight = t.normal(2, 21, 1);
      Matrix gradX = chain(t, SPEC, apply(t, SPEC, x), weight);
      GradientCheck.check(
          x,
          gradX,
          values -> {
            double total = 0;
            for (int r = 0; r < values.length; r++) {
              for (int c = 0; c < values[r].length; c++) {
                total += weight.getFloat(r, c) * tanh(values[r][c]);
              }
            }
            return total;
          },
          "tanh",
          SEED);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.Kernel;

/**
 * gelu, reference. ERF: y = x P(x), dy/dx = P(x) + x p(x), P the normal distribution and p its
 * density. TANH: y = x / 2 (1 + tanh u), dy/dx = (1 + tanh u) / 2 + x / 2 (1 - tanh^2 u) du/dx, u =
 * sqrt(2 / pi) (x + 0.044715 x^3).
 *
 * <p>x, y, gradY, gradX f32 [rows, cols], any row stride; y may be x, gradX may be gradY. +infinity
 * gives +infinity, -infinity gives 0 (slopes 1 and 0), NaN gives NaN. In double, one rounding at
 * the end. One thread. Up to 300 flops an element; reads rows cols (backward twice that), writes
 * rows cols floats.
 */
final class ScalarGelu {
  private static final double TANH_SCALE = Math.sqrt(2 / Math.PI);
  private static final double TANH_CUBIC = 0.044715;

  /** Beyond this |x| the slopes are 0 and 1 to the last digit of a double. */
  private static final double LIMIT = 40;

  private ScalarGelu() {}

  static Kernel<Elementwise.Forward> forward(Gelu.Spec spec) {
    return (a, pool) -> {
      Matrix x = a.x();
      for (long r = 0; r < x.rows(); r++) {
        for (long c = 0; c < x.cols(); c++) {
          a.y().setFloat(r, c, (float) value(spec.form(), x.getFloat(r, c)));
        }
      }
    };
  }

  static Kernel<Elementwise.Backward> backward(Gelu.Spec spec) {
    return (a, pool) -> {
      Matrix x = a.x();
      for (long r = 0; r < x.rows(); r++) {
        for (long c = 0; c < x.cols(); c++) {
          double slope = slope(spec.form(), x.getFloat(r, c));
          a.gradX().setFloat(r, c, (float) (a.gradY().getFloat(r, c) * slope));
        }
      }
    };
  }

  /** Returns gelu of a number. */
  static double value(Gelu.Form form, double x) {
    if (x == Double.NEGATIVE_INFINITY) {
      return 0;
    }
    return switch (form) {
      case ERF -> x * distribution(x);
      case TANH -> x / (1 + Math.exp(-2 * u(x)));
    };
  }

  private static double slope(Gelu.Form form, double x) {
    if (Math.abs(x) > LIMIT) {
      return x > 0 ? 1 : 0;
    }
    return switch (form) {
      case ERF -> distribution(x) + x * density(x);
      case TANH -> {
        double s = 1 / (1 + Math.exp(-2 * u(x)));
        yield s + x * s * (1 - s) * 2 * TANH_SCALE * (1 + 3 * TANH_CUBIC * x * x);
      }
    };
  }

  private static double u(double x) {
    return TANH_SCALE * (x + TANH_CUBIC * x * x * x);
  }

  private static double density(double x) {
    return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  /**
   * Returns P(x) of the normal distribution: up to |x| = 3 by the series 1/2 + p(x) (x + x^3 / 3 +
   * x^5 / (3 5) + ...), whose terms have one sign, and beyond by the continued fraction 1 - P(x) =
   * p(x) / (x + 1 / (x + 2 / (x + 3 / ...))), from which small values come without cancellation.
   */
  private static double distribution(double x) {
    double t = Math.abs(x);
    if (t > 3) {
      double fraction = t;
      for (int k = 150; k >= 1; k--) {
        fraction = t + k / fraction;
      }
      double tail = density(t) / fraction;
      return x < 0 ? tail : 1 - tail;
    }
    double term = x;
    double sum = x;
    for (int k = 3; k <= 121; k += 2) {
      term *= x * x / k;
      sum += term;
    }
    return 0.5 + density(x) * sum;
  }
}

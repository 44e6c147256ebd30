// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

/** Functions that several references share. */
final class ScalarMath {
  // Below this distance from 0, exp(x) - 1 - x loses digits and its series is used.
  private static final double SERIES = 1e-2;

  private ScalarMath() {}

  /** Returns exp(x - max): 0 for -infinity even where max is, NaN where max is +infinity. */
  static double expBelow(float x, double max) {
    return x == Float.NEGATIVE_INFINITY && max < Double.POSITIVE_INFINITY ? 0 : Math.exp(x - max);
  }

  /**
   * Returns a log(a / b) + b - a from the logarithms of two probabilities: never negative, 0 where
   * they are the same, b for a = 0. Over rows that sum to 1 the differences add nothing; term by
   * term they remove what would cancel.
   */
  static double divergence(double logA, double logB) {
    double a = Math.exp(logA);
    double b = Math.exp(logB);
    if (a == 0) {
      return b;
    }
    double x = logB - logA;
    if (Math.abs(x) < SERIES) {
      return a * (x * x / 2) * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7)))));
    }
    return b - a - a * x;
  }
}

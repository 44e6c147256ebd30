// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.Matrix;

/**
 * What a sum of row losses, and its gradient, is divided by. Where the divisor is 0, loss and
 * gradient are 0.
 *
 * @param kind how the divisor is found
 * @param number the divisor of {@link Kind#NUMBER}, finite and at least 0; unused otherwise
 */
public record Normaliser(Kind kind, double number) {
  /** How the divisor is found. */
  public enum Kind {
    /** 1: the loss is the sum of the rows. */
    SUM,
    /** The number of rows. */
    MEAN_ROWS,
    /** The sum of the row weights; the number of rows where there are none. */
    MEAN_WEIGHTS,
    /** A given number, for example the token count of a whole step over several calls. */
    NUMBER
  }

  /** Divides by 1. */
  public static final Normaliser SUM = new Normaliser(Kind.SUM, 1);

  /** Divides by the number of rows. */
  public static final Normaliser MEAN_ROWS = new Normaliser(Kind.MEAN_ROWS, 1);

  /** Divides by the sum of the row weights. */
  public static final Normaliser MEAN_WEIGHTS = new Normaliser(Kind.MEAN_WEIGHTS, 1);

  /** Checks the number. */
  public Normaliser {
    ArgumentChecks.notNegative("normaliser", "number", number);
  }

  /**
   * Divides by a number.
   *
   * @param number the divisor, finite and at least 0
   */
  public static Normaliser of(double number) {
    return new Normaliser(Kind.NUMBER, number);
  }

  /**
   * Returns 1 / divisor, or 0 where the divisor is 0: the factor of loss and gradient.
   *
   * @param rows the number of rows
   * @param rowWeight the row weights, F32 [1, rows] on the host, or null
   */
  public double factor(long rows, Matrix rowWeight) {
    double divisor =
        switch (kind) {
          case SUM -> 1;
          case MEAN_ROWS -> rows;
          case MEAN_WEIGHTS -> rowWeight == null ? rows : sum(rowWeight);
          case NUMBER -> number;
        };
    return divisor == 0 ? 0 : 1 / divisor;
  }

  private static double sum(Matrix rowWeight) {
    double sum = 0;
    for (long r = 0; r < rowWeight.cols(); r++) {
      sum += rowWeight.getFloat(0, r);
    }
    return sum;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.ToDoubleFunction;
import org.limbeck.kernels.memory.Matrix;

/** Compares a gradient with central differences of a function in double. */
final class GradientCheck {
  /** The error of float32 gradients, relative to the largest one. */
  static final double FLOAT_ERROR = 4e-6;

  private static final double STEP = Math.cbrt(Math.ulp(1.0));

  private GradientCheck() {}

  /**
   * Checks every element.
   *
   * @param at where the gradient was taken, F32
   * @param gradient the gradient of a backend, F32
   * @param function the function in double, from the formula and not from the library
   * @param what for the message
   * @param seed for the message
   */
  static void check(
      Matrix at, Matrix gradient, ToDoubleFunction<double[][]> function, String what, long seed) {
    check(at, gradient, function, FLOAT_ERROR, what, seed);
  }

  /**
   * Checks every element of a gradient that is not as exact as float32.
   *
   * @param at where the gradient was taken, F32
   * @param gradient the gradient of a backend, F32
   * @param function the function in double, from the formula and not from the library
   * @param error what an element may be off by, relative to the largest one
   * @param what for the message
   * @param seed for the message
   */
  static void check(
      Matrix at,
      Matrix gradient,
      ToDoubleFunction<double[][]> function,
      double error,
      String what,
      long seed) {
    double[][] x = toDoubles(at);
    double largest = 0;
    double[][] differences = new double[x.length][x[0].length];
    for (int r = 0; r < x.length; r++) {
      for (int c = 0; c < x[r].length; c++) {
        double value = x[r][c];
        double step = STEP * Math.max(1, Math.abs(value));
        x[r][c] = value + step;
        double above = function.applyAsDouble(x);
        x[r][c] = value - step;
        double below = function.applyAsDouble(x);
        x[r][c] = value;
        differences[r][c] = (above - below) / (2 * step);
        largest = Math.max(largest, Math.abs(differences[r][c]));
      }
    }
    // Differences in double are good to about 1e-9; what remains is the rounding of gradients.
    double bound = error * largest + 1e-8;
    for (int r = 0; r < x.length; r++) {
      for (int c = 0; c < x[r].length; c++) {
        double got = gradient.getFloat(r, c);
        double want = differences[r][c];
        int row = r;
        int col = c;
        assertTrue(
            Math.abs(got - want) <= bound,
            () ->
                what
                    + ": gradient at ("
                    + row
                    + ", "
                    + col
                    + ") is "
                    + got
                    + ", central difference "
                    + want
                    + ", seed "
                    + seed);
      }
    }
  }

  static double[][] toDoubles(Matrix m) {
    double[][] x = new double[(int) m.rows()][(int) m.cols()];
    for (int r = 0; r < x.length; r++) {
      for (int c = 0; c < x[r].length; c++) {
        x[r][c] = m.getFloat(r, c);
      }
    }
    return x;
  }
}

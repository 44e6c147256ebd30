// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.Arrays;

/**
 * A density estimated from a sample, the mean of normal densities around its values: f(x) = sum
 * over i of phi((x - x_i) / h) / (n h).
 *
 * <p>The bandwidth is h = 0.9 * min(s, IQR / 1.34) * n^(-1/5), where s is the standard deviation
 * (divisor n - 1) and IQR the distance between the quartiles, interpolated linearly; the one of the
 * two that is 0 is not considered.
 *
 * <p>Source: Silverman, "Density Estimation for Statistics and Data Analysis", 1986, equation 3.31.
 */
public final class KernelDensity {
  private static final double FACTOR = 0.9;

  /** The distance between the quartiles of the normal distribution, in standard deviations. */
  private static final double NORMAL_RANGE = 1.34;

  private final double[] sorted;
  private final double bandwidth;

  /**
   * Estimates a density.
   *
   * @param sample finite values, at least two different ones
   * @throws IllegalArgumentException if there are not
   */
  public KernelDensity(double[] sample) {
    sorted = sample.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    if (n < 2 || !(sorted[n - 1] - sorted[0] > 0) || Double.isInfinite(sorted[n - 1] - sorted[0])) {
      throw new IllegalArgumentException(
          "KernelDensity: sample: given "
              + Arrays.toString(sample)
              + ", expected finite values, at least two different ones");
    }
    double mean = Arrays.stream(sorted).average().orElseThrow();
    double squares = Arrays.stream(sorted).map(x -> (x - mean) * (x - mean)).sum();
    double spread = Math.sqrt(squares / (n - 1));
    double quartiles = (quantile(0.75) - quantile(0.25)) / NORMAL_RANGE;
    bandwidth = FACTOR * (quartiles > 0 ? Math.min(spread, quartiles) : spread) * Math.pow(n, -0.2);
  }

  private double quantile(double p) {
    double at = p * (sorted.length - 1);
    int below = (int) at;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }

  /** Returns h, in the unit of the values. */
  public double bandwidth() {
    return bandwidth;
  }

  /**
   * Returns the density.
   *
   * @param x where, in the unit of the values
   */
  public double at(double x) {
    double sum = 0;
    for (double value : sorted) {
      double z = (x - value) / bandwidth;
      sum += Math.exp(-z * z / 2);
    }
    return sum / (sorted.length * bandwidth * Math.sqrt(2 * Math.PI));
  }
}

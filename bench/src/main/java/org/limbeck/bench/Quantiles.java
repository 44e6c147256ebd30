// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Arrays;

/** Quantiles of samples, between neighbours by their distance. */
final class Quantiles {
  private Quantiles() {}

  /**
   * Returns a quantile.
   *
   * @param values at least one, in any order
   * @param share 0 for the smallest to 1 for the largest
   */
  static double of(double[] values, double share) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    double at = share * (sorted.length - 1);
    int low = (int) at;
    int high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.Arrays;
import java.util.Comparator;

/** Stable orders of the indices of a vector: equal values keep the order of their indices. */
final class Ranking {
  private Ranking() {}

  /** Returns the indices of a vector, largest value first; NaN counts as the largest. */
  static int[] descending(double[] values) {
    return sorted(values, (a, b) -> Double.compare(values[b], values[a]));
  }

  /** Returns the indices of a vector, smallest value first; NaN counts as the largest. */
  static int[] ascending(double[] values) {
    return sorted(values, (a, b) -> Double.compare(values[a], values[b]));
  }

  /** Returns the position of every index in an order. */
  static int[] positions(int[] order) {
    int[] positions = new int[order.length];
    for (int i = 0; i < order.length; i++) {
      positions[order[i]] = i;
    }
    return positions;
  }

  private static int[] sorted(double[] values, Comparator<Integer> order) {
    Integer[] indices = new Integer[values.length];
    Arrays.setAll(indices, i -> i);
    Arrays.sort(indices, order); // of objects: a merge sort, which is stable
    return Arrays.stream(indices).mapToInt(Integer::intValue).toArray();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;

/** What can be measured of one stem. */
public abstract class StemCases {
  private final String stem;
  private final String dimensions;
  private final List<String> modes;
  private final long[] small;

  /**
   * Names what there is.
   *
   * @param stem the stem
   * @param dimensions the names of a shape's sizes, such as {@code m x n x k}
   * @param modes what can be run of the stem
   * @param small sizes that the reference computes at once and that are no multiple of a vector
   */
  StemCases(String stem, String dimensions, List<String> modes, long... small) {
    this.stem = stem;
    this.dimensions = dimensions;
    this.modes = modes;
    this.small = small;
  }

  /** Returns the name of the stem. */
  public final String stem() {
    return stem;
  }

  /** Returns the names of a shape's sizes, such as {@code m x n x k}. */
  public final String dimensions() {
    return dimensions;
  }

  /** Returns the number of a shape's sizes. */
  public final int dimensionCount() {
    return small.length;
  }

  /** Returns what can be run of the stem. */
  public final List<String> modes() {
    return modes;
  }

  /** Returns a case of a shape; the caller closes it. */
  public final Case open(String mode, long... size) {
    Case made = new Case(stem, mode, size);
    build(mode, size, made);
    return made;
  }

  /** Returns the case to warm kernels up with and to compare in full; the caller closes it. */
  public final Case openSmall(String mode) {
    return open(mode, small);
  }

  /** Adds tensors, work and call. */
  abstract void build(String mode, long[] size, Case to);
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import java.util.List;

/** The sizes {m, n, k} at which products are tested, whatever their types. */
final class ProductShapes {
  /** Around the rows and columns of tiles, the few lines that are done otherwise, and blocks. */
  static final List<long[]> LAYOUTS =
      List.of(
          new long[] {1, 1, 1},
          new long[] {1, 40, 9},
          new long[] {2, 3, 300},
          new long[] {4, 33, 18},
          new long[] {5, 4, 19},
          new long[] {8, 70, 6},
          new long[] {9, 31, 5},
          new long[] {12, 32, 7},
          new long[] {13, 33, 258},
          new long[] {24, 64, 4},
          new long[] {27, 65, 3},
          new long[] {125, 18, 10},
          new long[] {17, 129, 131},
          new long[] {16, 67, 133},
          new long[] {131, 16, 130});

  /** Long sums for few rows and columns, which backends cut; rows of whole vectors and others. */
  static final List<long[]> LONG =
      List.of(
          new long[] {1, 1, 2048},
          new long[] {3, 70, 2500},
          new long[] {33, 5, 2111},
          new long[] {8, 64, 2560},
          new long[] {16, 24, 2072},
          new long[] {72, 136, 2120},
          new long[] {65, 131, 2177},
          new long[] {130, 9, 3333});

  private static final List<long[]> SPLIT =
      List.of(
          new long[] {263, 801, 300},
          new long[] {3, 2500, 70},
          new long[] {7, 3000, 40},
          new long[] {16, 1500, 90},
          new long[] {3000, 3, 60});

  /** More rows, columns or terms of a sum than backends pack at a time. */
  static final List<long[]> SLABS =
      List.of(new long[] {30, 70, 4200}, new long[] {2400, 40, 33}, new long[] {20, 2100, 40});

  private ProductShapes() {}

  /** Returns shapes that several threads share; smaller ones for the reference, which is slow. */
  static List<long[]> split(boolean reference) {
    long scale = reference ? 8 : 1;
    return SPLIT.stream()
        .map(s -> new long[] {Math.max(1, s[0] / scale), Math.max(1, s[1] / scale), s[2]})
        .toList();
  }
}

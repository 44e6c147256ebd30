// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Locale;

/**
 * What one call of a benchmark does, and what bounds it.
 *
 * @param stem the stem, or {@code ceiling}
 * @param shape the shape
 * @param mode what is run of the stem
 * @param bound the ceiling that the call is set against
 * @param flops floating-point operations of a call; 0 where bytes bound it
 * @param bytes bytes that a call must read and write; 0 where arithmetic bounds it
 */
record Work(String stem, String shape, String mode, Bound bound, double flops, double bytes) {
  /** The ceilings. */
  enum Bound {
    FMA,
    COPY,
    READ;

    String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  static Work arithmetic(String stem, String shape, String mode, double flops) {
    return new Work(stem, shape, mode, Bound.FMA, flops, 0);
  }

  static Work streams(String stem, String shape, String mode, Bound bound, double bytes) {
    return new Work(stem, shape, mode, bound, 0, bytes);
  }

  /** Returns work per nanosecond: Gflop/s or GB/s. */
  double rate(double nanos) {
    return (bound == Bound.FMA ? flops : bytes) / nanos;
  }
}

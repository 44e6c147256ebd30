// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.util.Locale;

/** Numbers as tables and files show them. */
public final class Numbers {
  private static final String NONE = "-";

  private Numbers() {}

  /** Returns a number for JSON: null where it is not finite. */
  public static Double finite(double value) {
    return Double.isFinite(value) ? value : null;
  }

  /** Returns a number with two digits behind the point, a dash for NaN. */
  public static String points(double value) {
    return Double.isNaN(value) ? NONE : String.format(Locale.ROOT, "%.2f", value);
  }

  /** Returns the same with its sign. */
  public static String signed(double value) {
    return Double.isNaN(value) ? NONE : String.format(Locale.ROOT, "%+.2f", value);
  }

  /** Returns a size as a person would say it, a dash for none. */
  public static String size(long bytes) {
    if (bytes == 0) {
      return NONE;
    }
    return bytes < 1e5
        ? String.format(Locale.ROOT, "%.1f kB", bytes / 1e3)
        : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }

  /**
   * Returns a duration as a person would say it: {@code 8.3 s}, {@code 4 min 05 s}, {@code 2 h 07
   * min}.
   */
  public static String duration(double seconds) {
    if (!Double.isFinite(seconds)) {
      return NONE;
    }
    if (seconds < 59.95) {
      return String.format(Locale.ROOT, "%.1f s", seconds);
    }
    long whole = Math.round(seconds);
    return whole < 3600
        ? String.format(Locale.ROOT, "%d min %02d s", whole / 60, whole % 60)
        : String.format(Locale.ROOT, "%d h %02d min", whole / 3600, whole % 3600 / 60);
  }
}

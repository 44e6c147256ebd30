// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How far two measurements of the same code are apart, found from the two runs that are compared,
 * for each ceiling: what a processor computes on registers repeats far better than what it moves
 * beyond its caches.
 *
 * <p>Two things tell. Some differences cannot come from slower code: those between measurements of
 * one case that a run takes in several processes, one for each peer; and gains from the earlier run
 * to the later, since noise has no preferred direction. Their median distance from zero is one
 * estimate; it is too large only where code got faster. The median distance of all changes from the
 * median change is the other; it is too large only where some kernels changed and others did not.
 * The first counts, unless it is more than twice the second or there are too few differences; both
 * are scaled to the standard deviation of a normal distribution, and a few outliers move neither.
 */
final class Noise {
  /** What measurements may differ by where too few differences are known. */
  static final double USUAL = 0.15;

  /** Calls of a process that was placed elsewhere in memory differ by nearly that much. */
  static final double LEAST = 0.1;

  /** A kernel that takes half as long again is never taken for noise. */
  static final double MOST = 0.3;

  /** The fewest differences whose median means something. */
  static final int FEWEST = 5;

  /** The fewest changes whose median says what most kernels did. */
  static final int FEWEST_CHANGES = 8;

  /** How many times its own spread or the scatter of its kind a measurement may be off. */
  private static final double TIMES = 3;

  /** The standard deviation of a normal distribution whose median distance from zero is 1. */
  private static final double NORMAL = 1.4826;

  /** The first estimate is believed up to so many times the second. */
  private static final double AGREE = 2;

  private final Map<String, List<Double>> differences = new HashMap<>();
  private final Map<String, List<Double>> changes = new HashMap<>();

  /** Adds the differences between all measurements of one case in one run. */
  void addRepeats(String kind, double... several) {
    for (int i = 0; i < several.length; i++) {
      for (int j = 0; j < i; j++) {
        add(differences, kind, Math.abs(Math.log(several[i] / several[j])));
      }
    }
  }

  /**
   * Adds what a case did from the earlier run to the later.
   *
   * @param kind what it has in common with others, such as its ceiling
   * @param logarithm that of the quotient of later and earlier; above 0 it is a gain
   */
  void addChange(String kind, double logarithm) {
    add(changes, kind, logarithm);
    if (logarithm > 0) {
      add(differences, kind, logarithm);
    }
  }

  private static void add(Map<String, List<Double>> to, String kind, double value) {
    if (Double.isFinite(value)) {
      to.computeIfAbsent(kind, k -> new ArrayList<>()).add(value);
    }
  }

  /**
   * Returns by what share a measurement may fall without being slower: three times the larger of
   * its own spread and the scatter of its kind, and at least a tenth and what the ceiling drifted.
   *
   * @param spread half its interquartile range, as a share
   * @param drift by what logarithm the ceiling itself changed between the runs; its sign is of no
   *     matter
   * @param kind what it has in common with others
   */
  double of(double spread, double drift, String kind) {
    List<Double> apart = differences.getOrDefault(kind, List.of());
    List<Double> moved = changes.getOrDefault(kind, List.of());
    double scatter = apart.size() < FEWEST ? Double.NaN : middle(apart);
    if (moved.size() >= FEWEST_CHANGES) {
      double usual = middle(moved);
      double around = middle(moved.stream().map(v -> Math.abs(v - usual)).toList());
      if (Double.isNaN(scatter)) {
        // So few gains may mean that much got slower, which must not count as noise.
        scatter = Math.min(around, USUAL / (TIMES * NORMAL));
      } else if (scatter > AGREE * around) {
        scatter = around;
      }
    }
    double share = Double.isNaN(scatter) ? USUAL : TIMES * NORMAL * scatter;
    return Math.max(Math.max(share, LEAST + Math.abs(drift)), TIMES * spread);
  }

  /** Returns whether enough differences of a kind are known. */
  boolean knows(String kind) {
    return differences.getOrDefault(kind, List.of()).size() >= FEWEST;
  }

  private static double middle(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(v -> v).sorted().toArray();
    return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
  }
}

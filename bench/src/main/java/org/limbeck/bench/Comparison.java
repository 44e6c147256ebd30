// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.DoubleStream;

/**
 * An earlier run against this one, by the percentage of the roofline, so that a slower clock or
 * memory on the day cancels out.
 */
final class Comparison {
  /** What two runs of the same code may differ by on a quiet machine that others share. */
  static final double USUAL_NOISE = 0.15;

  /** How many times its own spread a measurement may be off. */
  private static final double SPREADS = 3;

  private final Map<String, List<Double>> earlier = new LinkedHashMap<>();

  /**
   * Reads an earlier run.
   *
   * @throws UsageException if the file is none, or of another kind of machine
   */
  Comparison(Path file) {
    for (Row row : ResultFile.read(file)) {
      if (row.isCeiling()) {
        checkMachine(file, row);
      } else {
        earlier.computeIfAbsent(row.key(), k -> new ArrayList<>()).add(row.rooflinePct());
      }
    }
    if (earlier.isEmpty()) {
      throw new UsageException(file + ": expected at least one measurement of a stem");
    }
  }

  private static void checkMachine(Path file, Row ceiling) {
    if (!ceiling.peerPath().startsWith(Machine.kind())) {
      throw new UsageException(
          file
              + ": measured on another kind of machine, "
              + (ceiling.peerPath().isEmpty() ? "which it does not name" : ceiling.peerPath())
              + ", this one is "
              + Machine.kind());
    }
  }

  /**
   * Returns a sentence for each measurement that got slower beyond the noise.
   *
   * @param outcomes those of this run
   * @throws UsageException if none of them is in the earlier run
   */
  List<String> slower(List<QuickRun.Outcome> outcomes) {
    Map<String, List<QuickRun.Outcome>> now = new LinkedHashMap<>();
    for (QuickRun.Outcome outcome : outcomes) {
      now.computeIfAbsent(outcome.row().key(), k -> new ArrayList<>()).add(outcome);
    }
    now.keySet().retainAll(earlier.keySet());
    if (now.isEmpty()) {
      throw new UsageException("nothing of this run is in the file to compare with");
    }
    List<String> slower = new ArrayList<>();
    now.forEach(
        (key, several) -> {
          double before = median(earlier.get(key).stream().mapToDouble(v -> v));
          double after = median(several.stream().mapToDouble(o -> o.row().rooflinePct()));
          double spread = several.stream().mapToDouble(QuickRun.Outcome::spread).max().orElse(0);
          double noise = Math.max(USUAL_NOISE, SPREADS * spread);
          if (after < before * (1 - noise)) {
            slower.add(
                String.format(
                    Locale.ROOT,
                    "slower: %s: %.1f %% of the roofline, was %.1f %%; the noise is %.0f %%",
                    key.replace(',', ' '),
                    after,
                    before,
                    100 * noise));
          }
        });
    return slower;
  }

  private static double median(DoubleStream values) {
    double[] sorted = values.toArray();
    Arrays.sort(sorted);
    return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.PrintWriter;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;

/** Prints rows as lines of aligned columns, as they come. */
final class Table {
  private static final String FORMAT = "%-12s %-18s %-27s %3s %-7s %10s %8s %7s %6s  %s";
  private static final String PEER_FORMAT = "%-19s %10s %7s %6s  %s";

  private final PrintWriter out;
  private final Set<String> paths = new LinkedHashSet<>();

  /** Prints the headings. */
  Table(PrintWriter out) {
    this.out = out;
    print(
        "stem",
        "shape",
        "mode",
        "thr",
        "backend",
        "time us",
        "Gflop/s",
        "GB/s",
        "roof %",
        String.format(PEER_FORMAT, "peer", "time us", "ratio", "+-%", "pairs"));
  }

  /** Prints a ceiling. */
  void ceiling(Row row) {
    print(row, Double.isNaN(row.medianNanos()) ? row.peerPath() : "");
  }

  /** Prints a row. */
  void add(QuickRun.Outcome outcome) {
    Row row = outcome.row();
    String pairs =
        outcome.kept()
            + " of "
            + outcome.taken()
            + (outcome.disturbed() ? ", disturbed: all count" : "");
    if (!row.peer().isEmpty()) {
      paths.add(row.peer() + ", threads: " + row.threads() + ": " + row.peerPath());
    }
    print(
        row,
        String.format(
            Locale.ROOT,
            PEER_FORMAT,
            row.peer().isEmpty() ? "none" : row.peer(),
            row.hasRatio() ? String.format(Locale.ROOT, "%.1f", row.peerMedianNanos() / 1e3) : "-",
            row.hasRatio() ? String.format(Locale.ROOT, "%.2f", row.ratio()) : "-",
            String.format(Locale.ROOT, "%.1f", 100 * outcome.spread()),
            row.hasRatio() || row.peer().isEmpty() ? pairs : row.peerPath()));
  }

  private void print(Row row, String rest) {
    print(
        row.stem(),
        row.shape(),
        row.mode(),
        row.threads(),
        row.backend(),
        number(row.medianNanos() / 1e3),
        number(row.gflops()),
        number(row.gbps()),
        number(row.rooflinePct()),
        rest);
  }

  private static String number(double value) {
    return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%.1f", value);
  }

  private void print(Object... fields) {
    out.println(String.format(Locale.ROOT, FORMAT, fields).stripTrailing());
    out.flush();
  }

  /** Prints what the peers say of themselves. */
  void end() {
    out.println();
    paths.forEach(out::println);
    out.println(
        "ratio: peer's time / ours, the median of the pairs, above 1 Limbeck is faster; +-%: half"
            + " their interquartile range; pairs: those beside which the calibration loop took"
            + " at most 5 % longer than usual, of all.");
    out.flush();
  }
}

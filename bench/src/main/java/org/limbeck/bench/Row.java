// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Locale;
import org.limbeck.bench.cases.Work;

/**
 * One measurement, a line of the results file. Rates count the operations and bytes that the
 * contract asks for.
 *
 * @param stem the stem, or {@code ceiling}
 * @param shape the shape
 * @param mode what was run
 * @param threads the number of threads
 * @param backend the backend
 * @param medianNanos our time
 * @param gflops Gflop/s
 * @param gbps GB/s
 * @param rooflinePct our time as a percentage of the roofline's
 * @param peer the peer and its setting; empty if none was measured
 * @param peerPath its code path as it reports it, or why it could not run
 * @param peerMedianNanos its time; NaN if there is none
 * @param ratio the median of the ratios of its time to ours; NaN if there is none
 */
record Row(
    String stem,
    String shape,
    String mode,
    int threads,
    String backend,
    double medianNanos,
    double gflops,
    double gbps,
    double rooflinePct,
    String peer,
    String peerPath,
    double peerMedianNanos,
    double ratio) {
  static final String CEILING = "ceiling";
  static final String HEADER =
      "stem,shape,mode,threads,backend,median_ns,gflops,gbps,roofline_pct,"
          + "peer,peer_path,peer_median_ns,ratio";

  private static final int COLUMNS = HEADER.split(",").length;

  /** Returns a measurement of ours, beside no peer. */
  static Row of(
      String stem,
      String shape,
      String mode,
      int threads,
      String backend,
      double nanos,
      Work work,
      double rooflineNanos) {
    return new Row(
        stem,
        shape,
        mode,
        threads,
        backend,
        nanos,
        work.flops() / nanos,
        work.bytes() / nanos,
        100 * rooflineNanos / nanos,
        "",
        "",
        Double.NaN,
        Double.NaN);
  }

  /** Returns this beside a peer. */
  Row beside(String name, String path, double nanos, double ratioOfTimes) {
    return new Row(
        stem,
        shape,
        mode,
        threads,
        backend,
        medianNanos,
        gflops,
        gbps,
        rooflinePct,
        name,
        path,
        nanos,
        ratioOfTimes);
  }

  /** What was measured, whatever the peer. */
  String key() {
    return String.join(",", stem, shape, mode, Integer.toString(threads), backend);
  }

  boolean isCeiling() {
    return stem.equals(CEILING);
  }

  /** Returns whether a peer was measured beside ours. */
  boolean hasRatio() {
    return !Double.isNaN(ratio);
  }

  /** Returns the line of the file. */
  String line() {
    return String.join(
        ",",
        key(),
        number(0, medianNanos),
        rate(gflops),
        rate(gbps),
        number(1, rooflinePct),
        peer,
        plain(peerPath),
        number(0, peerMedianNanos),
        number(3, ratio));
  }

  /** Tiny shapes in a cold process have rates of which three decimals leave nothing. */
  private static String rate(double value) {
    return value > 0 && value < 0.001
        ? String.format(Locale.ROOT, "%.2e", value)
        : number(3, value);
  }

  private static String number(int digits, double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  /** Returns a text as the file holds it: a field that needs no quotes. */
  static String plain(String text) {
    return text.replaceAll("[\\s\"]+", " ").replace(',', ';').trim();
  }

  /**
   * Reads a line.
   *
   * @throws IllegalArgumentException if it is none of such a file
   */
  static Row parse(String line) {
    String[] f = line.split(",", -1);
    if (f.length != COLUMNS) {
      throw new IllegalArgumentException(f.length + " columns, expected " + COLUMNS);
    }
    return new Row(
        f[0],
        f[1],
        f[2],
        Integer.parseInt(f[3]),
        f[4],
        value(f[5]),
        value(f[6]),
        value(f[7]),
        value(f[8]),
        f[9],
        f[10],
        value(f[11]),
        value(f[12]));
  }

  private static double value(String field) {
    return field.isEmpty() ? Double.NaN : Double.parseDouble(field);
  }
}

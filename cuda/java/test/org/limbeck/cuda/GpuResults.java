// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The files of times on a GPU: ours, the peers', and the two beside each other. */
final class GpuResults {
  /** The columns of our file and of the peers'; texts hold no commas. */
  static final String HEADER =
      "stem,shape,mode,who,clock,median_ns,low_ns,high_ns,calls,flops,bytes";

  /** The columns of {@code bench/results}. */
  private static final String RESULTS =
      "stem,shape,mode,threads,backend,median_ns,gflops,gbps,roofline_pct,peer,peer_path,"
          + "peer_median_ns,ratio";

  private static final int COLUMNS = HEADER.split(",").length;

  /** The times of one case. */
  record Row(
      String stem,
      String shape,
      String mode,
      String who,
      String clock,
      double medianNanos,
      double lowNanos,
      double highNanos,
      int calls,
      double flops,
      double bytes) {
    String line() {
      return String.format(
          Locale.ROOT,
          "%s,%s,%s,%s,%s,%.0f,%.0f,%.0f,%d,%.0f,%.0f",
          stem,
          shape,
          mode,
          who,
          clock,
          medianNanos,
          lowNanos,
          highNanos,
          calls,
          flops,
          bytes);
    }

    boolean sameCase(Row other) {
      return stem.equals(other.stem) && shape.equals(other.shape) && mode.equals(other.mode);
    }
  }

  private GpuResults() {}

  /**
   * Reads a file of times; none where there is no file.
   *
   * @throws IOException if a line is not one of such a file
   */
  static List<Row> read(Path file) throws IOException {
    List<Row> rows = new ArrayList<>();
    if (!Files.exists(file)) {
      return rows;
    }
    int number = 0;
    for (String line : Files.readAllLines(file)) {
      number++;
      String[] f = line.split(",", -1);
      if (f.length != COLUMNS) {
        throw new IOException(
            file + ", line " + number + ": given " + f.length + " columns, expected " + COLUMNS);
      }
      if (number == 1) {
        continue;
      }
      try {
        rows.add(
            new Row(
                f[0],
                f[1],
                f[2],
                f[3],
                f[4],
                Double.parseDouble(f[5]),
                Double.parseDouble(f[6]),
                Double.parseDouble(f[7]),
                Integer.parseInt(f[8]),
                Double.parseDouble(f[9]),
                Double.parseDouble(f[10])));
      } catch (NumberFormatException e) {
        throw new IOException(file + ", line " + number + ": " + e.getMessage(), e);
      }
    }
    return rows;
  }

  private static List<Row> readAll(List<Path> files) throws IOException {
    List<Row> rows = new ArrayList<>();
    for (Path file : files) {
      rows.addAll(read(file));
    }
    return rows;
  }

  /**
   * Puts our times beside the peers', prints a table and writes a file in the schema of {@code
   * bench/results}. The roofline of a stem that only moves bytes is the copy of the same run.
   *
   * @param results the file to write
   * @param ours files of our times
   * @param peers files of the peers' times
   * @param out takes the table
   * @return 0, or 1 where there are no times of ours
   */
  static int join(Path results, List<Path> ours, List<Path> peers, PrintStream out)
      throws IOException {
    List<Row> own = readAll(ours);
    List<Row> others = readAll(peers);
    double copied =
        own.stream()
            .filter(row -> row.stem().equals("ceiling"))
            .mapToDouble(row -> row.bytes() / row.medianNanos())
            .max()
            .orElse(0);
    StringBuilder text = new StringBuilder(RESULTS).append('\n');
    out.printf(
        "%-13s %-18s %-20s %11s %9s %6s  %-24s %11s %6s%n",
        "stem", "shape", "mode", "us", "GB/s", "copy", "peer", "peer us", "ratio");
    for (Row row : own) {
      boolean moves = row.flops() == 0;
      double roofline = moves && copied > 0 ? 100 * row.bytes() / copied / row.medianNanos() : 0;
      String part = roofline > 0 ? String.format(Locale.ROOT, "%.1f", roofline) : "";
      List<Row> beside = others.stream().filter(row::sameCase).toList();
      String start =
          String.format(
              Locale.ROOT,
              "%s,%s,%s,1,%s,%.0f,%.1f,%.1f,%s",
              row.stem(),
              row.shape(),
              row.mode(),
              row.who(),
              row.medianNanos(),
              row.flops() / row.medianNanos(),
              row.bytes() / row.medianNanos(),
              part);
      String shown =
          String.format(
              Locale.ROOT,
              "%-13s %-18s %-20s %11.1f %9.1f %6s",
              row.stem(),
              row.shape(),
              row.mode(),
              row.medianNanos() / 1e3,
              row.bytes() / row.medianNanos(),
              part);
      if (beside.isEmpty()) {
        text.append(start).append(",,,,\n");
        out.println(shown);
      }
      for (Row peer : beside) {
        double ratio = peer.medianNanos() / row.medianNanos();
        text.append(
            String.format(
                Locale.ROOT,
                "%s,%s,%s,%.0f,%.3f%n",
                start,
                peer.who(),
                peer.clock(),
                peer.medianNanos(),
                ratio));
        out.printf(
            Locale.ROOT,
            "%s  %-24s %11.1f %6.2f%n",
            shown,
            peer.who(),
            peer.medianNanos() / 1e3,
            ratio);
      }
    }
    Files.writeString(results, text);
    return own.isEmpty() ? 1 : 0;
  }
}

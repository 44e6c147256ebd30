// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.limbeck.formats.AtomicFiles;

/** REPORT.md and its plots, from the rows of one run and nothing else. */
final class Report {
  private Report() {}

  /**
   * Writes the report.
   *
   * @param rows all rows of a run
   * @param causes why peers win where they do
   * @param source the name of their file
   * @param directory where REPORT.md goes, with its plots beside it
   * @throws UsageException if there is nothing to report
   */
  static void write(List<Row> rows, Causes causes, String source, Path directory) {
    List<Row> ceilings = rows.stream().filter(Row::isCeiling).toList();
    List<Row> measured = rows.stream().filter(row -> !row.isCeiling()).toList();
    if (ceilings.isEmpty() || measured.isEmpty()) {
      throw new UsageException(source + ": expected ceilings and at least one measurement");
    }
    StringBuilder text = new StringBuilder();
    text.append("# Benchmarks\n\nMade from `")
        .append(source)
        .append("` by `limbeck bench report`; rows where Limbeck loses are here like the others.\n")
        .append("\n`ratio` is the peer's time divided by ours: above 1 Limbeck is faster. `roof %`")
        .append(" is the share of what the ceilings of the same run allow.\n\n");
    text.append("Machine: ").append(ceilings.get(0).peerPath()).append("\n\n");
    ceilings(text, ceilings);
    summary(text, measured);
    lost(text, measured, causes);
    Map<String, byte[]> plots = ReportPlots.draw(ceilings, measured);
    if (plots.isEmpty()) {
      text.append("\nPlots are missing: this Java cannot draw text; a font helps.\n");
    }
    figure(text, plots, ReportPlots.ROOFLINE, "All rows under the roofline of one thread");
    for (String stem : stems(measured)) {
      stem(text, measured.stream().filter(row -> row.stem().equals(stem)).toList());
      figure(
          text,
          plots,
          ReportPlots.ratios(stem),
          "Ratios of " + stem + " by the number of the case");
    }
    paths(text, measured);
    plots.forEach((name, png) -> AtomicFiles.write(directory.resolve(name), png));
    AtomicFiles.write(directory.resolve("REPORT.md"), text.toString());
  }

  static Set<String> stems(List<Row> rows) {
    return rows.stream().map(Row::stem).collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private static void ceilings(StringBuilder text, List<Row> rows) {
    text.append("## Ceilings\n\n");
    table(
        text,
        List.of("ceiling", "size", "threads", "Gflop/s", "GB/s", ""),
        rows.stream()
            .map(
                r ->
                    List.of(
                        r.mode(),
                        r.shape(),
                        Integer.toString(r.threads()),
                        r.gflops() > 0 ? number("%.0f", r.gflops()) : "",
                        r.gbps() > 0 ? number("%.1f", r.gbps()) : "",
                        Double.isNaN(r.medianNanos()) ? r.peerPath() : ""))
            .toList());
  }

  private static void summary(StringBuilder text, List<Row> rows) {
    Map<List<String>, List<Double>> groups = new LinkedHashMap<>();
    for (Row row : rows) {
      if (row.hasRatio()) {
        groups
            .computeIfAbsent(
                List.of(row.stem(), row.peer(), Integer.toString(row.threads())),
                k -> new ArrayList<>())
            .add(row.ratio());
      }
    }
    text.append("\n## Ratios\n\n");
    List<List<String>> lines = new ArrayList<>();
    groups.forEach(
        (key, ratios) -> {
          double[] sorted = ratios.stream().mapToDouble(v -> v).sorted().toArray();
          double mean = Math.exp(Arrays.stream(sorted).map(Math::log).average().orElseThrow());
          long lost = Arrays.stream(sorted).filter(v -> v < 1).count();
          List<String> line = new ArrayList<>(key);
          line.add(Integer.toString(sorted.length));
          line.add(Long.toString(lost));
          line.add(number("%.2f", sorted[0]));
          line.add(number("%.2f", mean));
          line.add(number("%.2f", sorted[sorted.length - 1]));
          lines.add(line);
        });
    table(
        text,
        List.of(
            "stem", "peer", "threads", "rows", "of them lost", "worst", "geometric mean", "best"),
        lines);
  }

  /** The rows where a peer wins, the worst first. */
  private static void lost(StringBuilder text, List<Row> rows, Causes causes) {
    text.append("\n## Rows where a peer wins\n\n");
    List<Row> lost =
        rows.stream()
            .filter(row -> row.hasRatio() && row.ratio() < 1)
            .sorted(Comparator.comparingDouble(Row::ratio))
            .toList();
    if (lost.isEmpty()) {
      text.append("None.\n");
      return;
    }
    table(
        text,
        List.of("ratio", "stem", "shape", "mode", "threads", "peer", "roof %", "cause", "found by"),
        lost.stream()
            .map(
                r ->
                    List.of(
                        number("%.2f", r.ratio()),
                        r.stem(),
                        r.shape(),
                        r.mode(),
                        Integer.toString(r.threads()),
                        r.peer(),
                        number("%.1f", r.rooflinePct()),
                        causes.of(r).map(Causes.Cause::cause).orElse("not known yet"),
                        causes.of(r).map(Causes.Cause::foundBy).orElse("")))
            .toList());
  }

  /** Numbers the cases of a stem from 1; rows beside several peers have one number. */
  static Map<String, Integer> numbers(List<Row> rows) {
    Map<String, Integer> numbers = new HashMap<>();
    rows.forEach(row -> numbers.putIfAbsent(caseOf(row), numbers.size() + 1));
    return numbers;
  }

  static String caseOf(Row row) {
    return row.shape() + " " + row.mode();
  }

  private static void stem(StringBuilder text, List<Row> rows) {
    text.append("\n## ").append(rows.get(0).stem()).append("\n\n");
    Map<String, Integer> numbers = numbers(rows);
    List<List<String>> lines = new ArrayList<>();
    List<Row> byCase =
        rows.stream().sorted(Comparator.comparingInt(r -> numbers.get(caseOf(r)))).toList();
    for (Row r : byCase) {
      lines.add(
          List.of(
              Integer.toString(numbers.get(caseOf(r))),
              r.shape(),
              r.mode(),
              Integer.toString(r.threads()),
              r.backend(),
              number("%.1f", r.medianNanos() / 1e3),
              number("%.1f", r.gflops()),
              number("%.1f", r.gbps()),
              number("%.1f", r.rooflinePct()),
              r.peer().isEmpty() ? "none" : r.peer(),
              r.hasRatio() ? number("%.1f", r.peerMedianNanos() / 1e3) : r.peerPath(),
              r.hasRatio() ? number("%.2f", r.ratio()) : ""));
    }
    table(
        text,
        List.of(
            "#",
            "shape",
            "mode",
            "threads",
            "backend",
            "time us",
            "Gflop/s",
            "GB/s",
            "roof %",
            "peer",
            "its time us",
            "ratio"),
        lines);
  }

  private static void paths(StringBuilder text, List<Row> rows) {
    Set<List<String>> paths = new LinkedHashSet<>();
    rows.stream()
        .filter(row -> !row.peer().isEmpty())
        .forEach(
            row -> paths.add(List.of(row.peer(), Integer.toString(row.threads()), row.peerPath())));
    text.append("\n## Code paths of the peers, as they report them\n\n");
    table(text, List.of("peer", "threads", "code path"), List.copyOf(paths));
  }

  private static void figure(
      StringBuilder text, Map<String, byte[]> plots, String name, String caption) {
    if (plots.containsKey(name)) {
      text.append("\n![").append(caption).append("](").append(name).append(")\n");
    }
  }

  private static void table(StringBuilder text, List<String> heads, List<List<String>> rows) {
    line(text, heads);
    line(text, heads.stream().map(head -> "---").toList());
    rows.forEach(row -> line(text, row));
  }

  private static void line(StringBuilder text, List<String> cells) {
    text.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  private static String number(String format, double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, format, value);
  }
}

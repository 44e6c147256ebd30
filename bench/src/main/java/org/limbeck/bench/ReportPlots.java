// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.limbeck.bench.cases.Work;

/** The plots of a report, PNG files by name. */
final class ReportPlots {
  static final String ROOFLINE = "report-roofline.png";

  private static final int WIDTH = 1100;
  private static final int HEIGHT = 600;
  private static final double LOWEST_INTENSITY = 1e-1;
  private static final double HIGHEST_INTENSITY = 1e3;

  private ReportPlots() {}

  /** Returns the name of the plot of a stem's ratios. */
  static String ratios(String stem) {
    return "report-" + stem + ".png";
  }

  /** Draws all plots; none where this Java has no font. */
  static Map<String, byte[]> draw(List<Row> ceilings, List<Row> rows) {
    System.setProperty("java.awt.headless", "true");
    Map<String, byte[]> plots = new LinkedHashMap<>();
    try {
      plots.put(ROOFLINE, png(roofline(ceilings, rows)));
      for (String stem : Report.stems(rows)) {
        List<Row> compared = rows.stream().filter(row -> row.stem().equals(stem)).toList();
        if (compared.stream().anyMatch(Row::hasRatio)) {
          plots.put(ratios(stem), png(ratios(stem, compared)));
        }
      }
    } catch (LinkageError | InternalError e) {
      return Map.of(); // no fonts: the report says so
    }
    return plots;
  }

  private static XYChart roofline(List<Row> ceilings, List<Row> rows) {
    XYChart chart = chart("flops a byte", "Gflop/s, 1 thread");
    chart.getStyler().setXAxisLogarithmic(true);
    chart.getStyler().setYAxisLogarithmic(true);
    double bandwidth = best(ceilings, Ceilings.COPY, true);
    for (Work.Arithmetic arithmetic : Work.Arithmetic.values()) {
      double peak = best(ceilings, arithmetic.label(), false);
      List<Double> x = new ArrayList<>();
      List<Double> y = new ArrayList<>();
      for (double i = LOWEST_INTENSITY; i <= HIGHEST_INTENSITY; i *= 1.1) {
        x.add(i);
        y.add(Math.min(peak, i * bandwidth));
      }
      if (peak > 0) {
        line(chart, arithmetic.label() + ", memory copied", x, y);
      }
    }
    for (String stem : Report.stems(rows)) {
      List<Double> x = new ArrayList<>();
      List<Double> y = new ArrayList<>();
      for (Row row : rows) {
        if (row.stem().equals(stem) && row.threads() == 1 && row.gflops() > 0) {
          x.add(row.gflops() / row.gbps());
          y.add(row.gflops());
        }
      }
      points(chart, stem, x, y);
    }
    return chart;
  }

  /** The largest buffers are those beyond the caches; they are the last of their mode. */
  private static double best(List<Row> ceilings, String mode, boolean bytes) {
    return ceilings.stream()
        .filter(row -> row.mode().equals(mode) && row.threads() == ceilings.get(0).threads())
        .mapToDouble(row -> bytes ? row.gbps() : row.gflops())
        .reduce((first, second) -> second)
        .orElse(Double.NaN);
  }

  private static XYChart ratios(String stem, List<Row> rows) {
    XYChart chart = chart("number of the case in the table of " + stem, "peer's time / ours");
    // Powers of ten, which alone a logarithmic axis would name, lie too far apart here.
    chart.getStyler().setyAxisTickLabelsFormattingFunction(ReportPlots::ratioOf);
    Map<String, Integer> numbers = Report.numbers(rows);
    line(chart, "equal", List.of(0.5, numbers.size() + 0.5), List.of(octaves(1), octaves(1)));
    Map<String, List<Row>> groups = new LinkedHashMap<>();
    for (Row row : rows) {
      if (row.hasRatio()) {
        String name = row.peer() + ", threads: " + row.threads();
        groups.computeIfAbsent(name, k -> new ArrayList<>()).add(row);
      }
    }
    groups.forEach(
        (name, group) ->
            points(
                chart,
                name,
                group.stream().map(row -> (double) numbers.get(Report.caseOf(row))).toList(),
                group.stream().map(row -> octaves(row.ratio())).toList()));
    return chart;
  }

  private static double octaves(double ratio) {
    return Math.log(ratio) / Math.log(2);
  }

  /** Returns the label of a tick: the ratio that lies so many octaves above 1. */
  private static String ratioOf(double octaves) {
    double ratio = Math.pow(2, octaves);
    return String.format(Locale.ROOT, ratio == Math.rint(ratio) ? "%.0f" : "%.3g", ratio);
  }

  private static XYChart chart(String x, String y) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .xAxisTitle(x)
            .yAxisTitle(y)
            .theme(Styler.ChartTheme.Matlab)
            .build();
    chart.getStyler().setChartTitleVisible(false);
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
    chart.getStyler().setMarkerSize(7);
    return chart;
  }

  private static void line(XYChart chart, String name, List<Double> x, List<Double> y) {
    XYSeries series = chart.addSeries(name, x, y);
    series.setMarker(SeriesMarkers.NONE);
    series.setLineColor(Color.GRAY);
    series.setLineStyle(new BasicStroke(1.5f));
  }

  private static void points(XYChart chart, String name, List<Double> x, List<Double> y) {
    if (!x.isEmpty()) {
      XYSeries series = chart.addSeries(name, x, y);
      series.setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
    }
  }

  private static byte[] png(XYChart chart) {
    try {
      return BitmapEncoder.getBitmapBytes(chart, BitmapEncoder.BitmapFormat.PNG);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // memory does not fail
    }
  }
}

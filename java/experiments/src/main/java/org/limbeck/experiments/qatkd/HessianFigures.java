// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.limbeck.experiments.report.Picture;
import org.limbeck.experiments.report.Report;
import org.limbeck.experiments.report.TextTable;
import org.limbeck.experiments.report.TextTable.Column;
import org.limbeck.experiments.report.XyPlot;
import org.limbeck.training.analysis.HessianSpectrum;
import org.limbeck.training.analysis.KernelDensity;
import org.limbeck.training.analysis.PowerIteration;

/** The table and the plots of the eigenvalues of several students' Hessians. */
final class HessianFigures {
  /** The number of points of a density's curve. */
  private static final int POINTS = 300;

  /** How far beyond the outermost value a curve goes, in bandwidths. */
  private static final double TAIL = 3;

  private HessianFigures() {}

  /** Takes a figure into a report. */
  interface Figures {
    void add(String file, Supplier<Picture> picture, String alternative, String caption);
  }

  /**
   * Adds table and plots to a report.
   *
   * @param task the task
   * @param students the analyses by configuration, at least one, all of the same batches
   */
  static void add(
      Report report, Figures figures, String task, Map<String, HessianAnalysis> students) {
    HessianAnalysis any = students.values().iterator().next();
    report.table(
        table(students),
        String.format(
            Locale.ROOT,
            "The three leading eigenvalues of the Hessian of the loss on labels in each of %d"
                + " mini-batches of %d, with 0.01 times the sum of the lengths of the parameters;"
                + " quantizers are frozen at the student's parameters (section 3.1, Fig. 3b)."
                + " Smaller ones mean a smoother loss.",
            any.spectrum().batches().size(),
            any.batch()));
    for (boolean positive : new boolean[] {true, false}) {
      String sign = positive ? "positive" : "negative";
      XyPlot plot =
          densities("Density of " + sign + " eigenvalues of Hessians, " + task, students, positive);
      if (plot != null) {
        figures.add(
            "hessian-" + sign,
            plot::picture,
            "density of " + sign + " eigenvalues",
            "The "
                + sign
                + " ones of these eigenvalues, a Gaussian kernel density of Silverman's bandwidth.");
      }
    }
  }

  /** Returns the largest and the mean eigenvalues of several configurations. */
  private static TextTable table(Map<String, HessianAnalysis> analyses) {
    List<List<String>> rows = new ArrayList<>();
    analyses.forEach(
        (name, analysis) -> {
          double[] positive = analysis.spectrum().positive();
          double[] negative = analysis.spectrum().negative();
          double[] all = analysis.spectrum().values();
          double largest = Double.NaN;
          double first = 0;
          for (double value : all) {
            largest = Math.abs(value) <= Math.abs(largest) ? largest : value;
          }
          for (List<PowerIteration.Eigenvalue> batch : analysis.spectrum().batches()) {
            first += batch.get(0).value() / analysis.spectrum().batches().size();
          }
          rows.add(
              List.of(
                  name,
                  number(largest),
                  number(first),
                  mean(positive) + " (" + positive.length + ")",
                  mean(negative) + " (" + negative.length + ")",
                  analysis.spectrum().converged() + " of " + all.length));
        });
    return new TextTable(
        List.of(
            Column.text("student"),
            Column.number("largest in magnitude"),
            Column.number("mean of the first of each batch"),
            Column.number("mean of positive (count)"),
            Column.number("mean of negative (count)"),
            Column.number("converged")),
        rows);
  }

  private static String mean(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return values.length == 0 ? "-" : number(sum / values.length);
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.4g", value);
  }

  /**
   * Returns the densities of the eigenvalues of one sign, or null where no configuration has two
   * different ones.
   *
   * @param title what the chart shows
   * @param positive whether those above 0 are shown, or those below
   */
  private static XyPlot densities(
      String title, Map<String, HessianAnalysis> analyses, boolean positive) {
    XyPlot plot = new XyPlot(title, "eigenvalue", "density");
    boolean any = false;
    for (Map.Entry<String, HessianAnalysis> entry : analyses.entrySet()) {
      HessianSpectrum spectrum = entry.getValue().spectrum();
      double[] sample = positive ? spectrum.positive() : spectrum.negative();
      double least = Double.POSITIVE_INFINITY;
      double greatest = Double.NEGATIVE_INFINITY;
      for (double value : sample) {
        least = Math.min(least, value);
        greatest = Math.max(greatest, value);
      }
      if (!(greatest > least) || Double.isInfinite(greatest - least)) {
        continue;
      }
      KernelDensity density = new KernelDensity(sample);
      double from = least - TAIL * density.bandwidth();
      double to = greatest + TAIL * density.bandwidth();
      double[] x = new double[POINTS];
      double[] y = new double[POINTS];
      for (int i = 0; i < POINTS; i++) {
        x[i] = from + i * (to - from) / (POINTS - 1);
        y[i] = density.at(x[i]);
      }
      plot.line(entry.getKey(), x, y);
      any = true;
    }
    return any ? plot : null;
  }
}

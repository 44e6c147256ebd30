// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.limbeck.experiments.report.Progress;
import org.limbeck.experiments.report.TextTable;
import org.limbeck.experiments.report.TextTable.Column;
import org.limbeck.experiments.report.XyPlot;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.analysis.HessianSpectrum;
import org.limbeck.training.analysis.KernelDensity;
import org.limbeck.training.analysis.PowerIteration;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.data.Batch;
import org.limbeck.training.data.Batches;
import org.limbeck.training.distill.LabelHessian;
import org.limbeck.training.nn.Compute;

/**
 * How sharp a student's loss on the labels is: the three leading eigenvalues of its Hessian, for
 * each mini-batch of the first examples of the development set.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 3.1, Fig. 3b, and the authors' released code.
 *
 * @param examples the number of examples
 * @param batch the number of examples of a mini-batch
 * @param spectrum the eigenvalues
 */
record HessianAnalysis(int examples, int batch, HessianSpectrum spectrum) {
  private static final Gson JSON = new GsonBuilder().serializeSpecialFloatingPointValues().create();

  /** The number of points of a density's curve. */
  private static final int POINTS = 300;

  /** How far beyond the outermost value a curve goes, in bandwidths. */
  private static final double TAIL = 3;

  /**
   * Analyses a network.
   *
   * @param limit the greatest number of examples
   * @param batchSize the number of examples of a mini-batch
   */
  static HessianAnalysis of(
      Compute compute,
      BertClassifier network,
      TokenizedTask data,
      int limit,
      int batchSize,
      Progress progress) {
    try (HostMemory host = new HostMemory();
        LabelHessian hessian =
            new LabelHessian(
                compute, network, LabelHessian.PAPER_PENALTY, batchSize, data.length())) {
      Batches batches = data.firstDevBatches(host, limit, batchSize);
      BatchUpload upload = new BatchUpload(compute.memory(), batchSize, data.length());
      HessianSpectrum spectrum =
          HessianSpectrum.of(
              PowerIteration.PAPER,
              hessian.shapes(),
              batches.steps(),
              i -> {
                progress.stepTo(i);
                Batch batch = batches.evaluation(i);
                hessian.at(upload.run(batch), batch.labels());
                return hessian;
              });
      progress.stepTo(batches.steps());
      return new HessianAnalysis(batches.examples(), batchSize, spectrum);
    }
  }

  /** Returns this as JSON. */
  String json() {
    return JSON.toJson(this) + "\n";
  }

  /**
   * Reads what {@link #json} wrote.
   *
   * @throws BadInputException if the file cannot be read, or holds something else
   */
  static HessianAnalysis read(Path file) {
    try {
      HessianAnalysis analysis = JSON.fromJson(Files.readString(file), HessianAnalysis.class);
      if (analysis != null && analysis.spectrum() != null) {
        return analysis;
      }
    } catch (IOException e) {
      throw BadInputException.reading(file, e);
    } catch (JsonParseException | NullPointerException e) {
      throw new BadInputException(file + " does not hold eigenvalues of Hessians", e);
    }
    throw new BadInputException(file + " is empty, expected eigenvalues of Hessians");
  }

  /** Returns the largest and the mean eigenvalues of several configurations. */
  static TextTable table(Map<String, HessianAnalysis> analyses) {
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
  static XyPlot densities(String title, Map<String, HessianAnalysis> analyses, boolean positive) {
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

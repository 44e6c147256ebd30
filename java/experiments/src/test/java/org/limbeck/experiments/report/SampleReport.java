// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A report of invented numbers with one chart of each kind; its main writes it for a look. */
final class SampleReport {
  private static final List<String> TOKENS =
      List.of(
          "[CLS]",
          "the",
          "government",
          "has",
          "not",
          "yet",
          "de",
          "##cided",
          ",",
          "but",
          "talks",
          "continue",
          ".",
          "[SEP]",
          "no",
          "decision",
          "was",
          "made",
          ".",
          "[SEP]");

  private SampleReport() {}

  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    Map<String, Picture> pictures = pictures();
    for (Map.Entry<String, Picture> entry : pictures.entrySet()) {
      Files.write(directory.resolve(entry.getKey() + ".png"), entry.getValue().png());
    }
    Files.writeString(directory.resolve("report.html"), report(pictures).html());
    System.out.println(results().overview().plainText());
    System.out.println(results().details().plainText());
  }

  static ResultTable results() {
    List<RunResult> runs = new ArrayList<>();
    String[] configurations = {"teacher", "baseline", "map", "output", "map+output"};
    double[] means = {68.2, 62.1, 63.6, 66.9, 67.4};
    Random random = new Random(3);
    for (String task : List.of("rte", "sst2")) {
      for (int c = 0; c < configurations.length; c++) {
        for (long seed : c == 0 ? new long[] {42} : new long[] {42, 52, 62}) {
          double best = means[c] + (task.equals("rte") ? 0 : 24.5) + random.nextGaussian() * 0.6;
          runs.add(
              new RunResult(
                  task,
                  configurations[c],
                  seed,
                  "accuracy",
                  best,
                  best - random.nextDouble(),
                  task.equals("rte") ? 468 : 12628,
                  task.equals("rte") ? 412.3 + 10 * c : 11820.4,
                  90_852_864,
                  c == 0 ? 90_852_864 : 6_412_288));
        }
      }
    }
    return new ResultTable(runs, "baseline", "teacher");
  }

  static Map<String, Picture> pictures() {
    Map<String, Picture> pictures = new LinkedHashMap<>();
    pictures.put("curves", curves());
    pictures.put("heads", heads());
    pictures.put("range", ranges());
    pictures.put("temperature", temperatures());
    pictures.put("attention", attention(TOKENS));
    pictures.put("mixing", mixing());
    return pictures;
  }

  private static Picture curves() {
    XyPlot plot = new XyPlot("RTE: accuracy on the dev set", "optimizer step", "accuracy (points)");
    Random random = new Random(1);
    String[] names = {"baseline", "map", "output", "map+output"};
    for (int c = 0; c < names.length; c++) {
      double[] x = new double[30];
      double[] y = new double[30];
      for (int i = 0; i < x.length; i++) {
        x[i] = 16.0 * (i + 1);
        y[i] = 68 - 15 * Math.exp(-i / (9.0 - 2 * c)) - (3 - c) * 1.2 + random.nextGaussian() * .5;
      }
      y[12] = c == 1 ? Double.NaN : y[12];
      plot.line(names[c], x, y);
    }
    return plot.reference("teacher", 68.2).picture();
  }

  private static Picture heads() {
    Map<String, double[]> values = new LinkedHashMap<>();
    Random random = new Random(2);
    String[] names = {"without training", "baseline (scores)", "map", "output"};
    for (int c = 0; c < names.length; c++) {
      double[] y = new double[144];
      for (int i = 0; i < y.length; i++) {
        y[i] = (4 - c) * (0.4 + 0.2 * Math.abs(random.nextGaussian())) * (i < 24 ? 2 : 1);
      }
      values.put(names[c], y);
    }
    return XyPlot.perHead(
            "SST-2: ranking loss of each head", "ranking loss (probability)", 12, values)
        .picture();
  }

  private static Picture ranges() {
    XyPlot plot =
        new XyPlot(
            "Layer 5: smallest and largest channel of the attention output",
            "token",
            "attention output");
    double[] x = new double[TOKENS.size()];
    Random random = new Random(4);
    String[] names = {"teacher", "map", "output"};
    double[] peaks = {78, 40, 71};
    for (int i = 0; i < x.length; i++) {
      x[i] = i;
    }
    for (int c = 0; c < names.length; c++) {
      double[] low = new double[x.length];
      double[] high = new double[x.length];
      for (int i = 0; i < x.length; i++) {
        boolean sep = TOKENS.get(i).equals("[SEP]");
        high[i] = sep ? peaks[c] : 3 + random.nextDouble();
        low[i] = -3 - 2 * random.nextDouble();
      }
      plot.range(names[c], x, low, high);
    }
    return plot.xNames(TOKENS).picture();
  }

  private static Picture temperatures() {
    double[] x = {0.1, 1, 5, 10, 20};
    return new XyPlot(
            "Accuracy against the temperature of the map loss",
            "temperature (logarithmic)",
            "accuracy (points)")
        .logarithmicX()
        .means(
            "CoLA", x, new double[] {51, 53.2, 52.1, 51.4, 50.9}, new double[] {.6, .4, .5, .9, .7})
        .means(
            "STS-B",
            x,
            new double[] {56, 57.1, 56.8, 56.1, 55.9},
            new double[] {.2, .1, .1, Double.NaN, .3})
        .reference("CoLA, score loss", 50.7)
        .picture();
  }

  static Picture attention(List<String> tokens) {
    int n = tokens.size();
    Random random = new Random(5);
    HeatMap map = HeatMap.attention("Attention maps, layer 5, head 3", tokens);
    for (String name : List.of("teacher", "student (map+output)")) {
      double[][] p = new double[n][n];
      for (double[] row : p) {
        double sum = 0;
        for (int k = 0; k < n; k++) {
          row[k] = Math.exp(1.5 * random.nextGaussian() + (tokens.get(k).equals("[SEP]") ? 3 : 0));
          sum += row[k];
        }
        for (int k = 0; k < n; k++) {
          row[k] /= sum;
        }
      }
      map.panel(name, p);
    }
    return map.picture();
  }

  private static Picture mixing() {
    double[][] values = {
      {62.1, 63.4, 63.9, 63.0}, {65.0, 66.2, Double.NaN, 66.1}, {66.8, 67.4, 67.1, 66.3}
    };
    return new HeatMap(
            "RTE: accuracy over the two loss weights",
            "weight of the output loss",
            List.of("0", "0.1", "1"),
            "weight of the map loss",
            List.of("0", "0.1", "1", "10"),
            "accuracy (points)")
        .panel("mean of 3 seeds", values)
        .printValues(1)
        .picture();
  }

  static Report report(Map<String, Picture> pictures) {
    Report report =
        new Report("Ternary students: a sample report")
            .subtitle("Invented numbers that show what a report looks like.")
            .section("What was run")
            .table(
                TextTable.pairs(
                    "setting",
                    "value",
                    List.of(
                        List.of("model", "MiniLM-L6 (6 layers, width 384, 12 heads)"),
                        List.of("weights", "ternary (TWN), 8-bit activations"),
                        List.of("learning rate", "2e-5, linear warm-up and decay"),
                        List.of("seeds", "42, 52, 62"))),
                "The configuration of all students.")
            .section("Results")
            .paragraph(
                "Each student was trained from three seeds. The output loss helps most on RTE, and"
                    + " a < b & \"c\" is only here to be escaped.")
            .table(results().overview(), "Best dev score, mean (standard deviation) over seeds.")
            .table(results().details(), "All that is known about each configuration.")
            .section("Figures");
    pictures.forEach(
        (name, picture) ->
            report.figure(
                picture,
                "chart: " + name,
                "What one sees here is the chart called "
                    + name
                    + ". Formula: Kim et al., EMNLP 2022 (arXiv:2211.11014), section 3.2."));
    return report
        .section("Machine")
        .table(MachineFacts.table(), "Where the numbers were taken.")
        .section("How to reproduce")
        .code(
            "./limbeck qat-kd --task rte --losses baseline,map,output,map+output --seeds 42,52,62");
  }
}

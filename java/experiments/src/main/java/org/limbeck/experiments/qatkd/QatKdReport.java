// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.limbeck.experiments.report.HeatMap;
import org.limbeck.experiments.report.MachineFacts;
import org.limbeck.experiments.report.PackedTable;
import org.limbeck.experiments.report.Picture;
import org.limbeck.experiments.report.Report;
import org.limbeck.experiments.report.ResultTable;
import org.limbeck.experiments.report.XyPlot;
import org.limbeck.experiments.run.OutputDirectory;
import org.limbeck.experiments.run.RecordFile;
import org.limbeck.experiments.run.TrainingState;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;

/** Draws the plots of a run and writes its report. */
final class QatKdReport {
  private static final String PAPER =
      "Kim, Lee, Hong, Chang, Choi: Understanding and Improving Knowledge Distillation for"
          + " Quantization-Aware Training of Large Transformer Encoders, EMNLP 2022,"
          + " arXiv 2211.11014";

  private final Settings settings;
  private final PretrainedModel model;
  private final OutputDirectory out;
  private final ResultTable table;
  private final PackedTable packed;
  private final Function<Integer, String> pieces;
  private final Report report;
  // A run must not end without a report because the machine has no fonts.
  private final Optional<String> obstacle = Picture.obstacle();

  /**
   * Begins a report.
   *
   * @param pieces the text of a word piece by its number
   */
  QatKdReport(
      Settings settings,
      PretrainedModel model,
      OutputDirectory out,
      ResultTable table,
      PackedTable packed,
      Function<Integer, String> pieces) {
    this.settings = settings;
    this.model = model;
    this.out = out;
    this.table = table;
    this.packed = packed;
    this.pieces = pieces;
    this.report =
        new Report("QAT-KD: ternary students of " + model.name()).subtitle("After " + PAPER + ".");
  }

  /** Writes plots and report, and returns the report's file. */
  Path write(List<Experiment.Outcome> outcomes) {
    report.section("Results");
    report.table(
        table.overview(),
        "Each value is the best evaluation on the development set, the mean over seeds. The student"
            + " has ternary weights, ternary word embeddings and activations of 8 bits; \""
            + Experiment.UNTRAINED
            + "\" is the teacher quantized without further training, \""
            + Experiment.CONSTANT
            + "\" the same answer to every example.");
    report.table(table.details(), "Steps, times and sizes.");
    if (!packed.isEmpty()) {
      report.table(
          packed.table(),
          "Packed students of the first seed beside their teacher. \"differ\" counts predictions"
              + " other than those of the same student with simulated quantization, as it was"
              + " trained. Sizes are of parameters, on disk as the files that hold them, without"
              + " the vocabulary. The speed is that of one pass over the development set after a"
              + " warm-up.");
    }
    obstacle.ifPresent(report::paragraph);
    for (Experiment.Outcome outcome : outcomes) {
      task(outcome);
    }
    report.section("What was run");
    BertConfig config = model.config();
    report.paragraph(
        String.format(
            Locale.ROOT,
            "Model %s: %d layers of width %d, %d heads, feed-forward %d, vocabulary %d.",
            model.name(),
            config.layers(),
            config.hidden(),
            config.heads(),
            config.intermediate(),
            config.vocabulary()));
    report.code(RecordFile.json(settings));
    report.section("Machine");
    report.table(MachineFacts.table(), "The machine of the run that wrote this report.");
    Path file = out.root().resolve("report.html");
    AtomicFiles.write(file, report.html());
    return file;
  }

  private void task(Experiment.Outcome outcome) {
    String task = outcome.data().task().id();
    report.section("Task " + task);
    learning(task, outcome);
    hessians(task, outcome);
    if (outcome.analyses().isEmpty()) {
      return;
    }
    int heads = model.config().heads();
    Map<String, AttentionAnalysis> students = new LinkedHashMap<>();
    for (String name : ordered(outcome)) {
      students.put(name, outcome.analyses().get(name));
    }
    AttentionAnalysis any = students.values().iterator().next();
    perHead(
        task,
        "ranking-loss",
        "Ranking loss of attention maps",
        "ranking loss",
        heads,
        students,
        AttentionAnalysis::rankingLoss,
        "How far the order of attention probabilities differs from the teacher's, a hinge over all"
            + " pairs of tokens, mean over "
            + any.examples()
            + " examples; it grows with the length"
            + " of the sequence. Lower is better (section 3.2, Fig. 4).");
    perHead(
        task,
        "cover-ratio",
        "Cover length ratio",
        "cover length ratio",
        heads,
        students,
        AttentionAnalysis::coverRatio,
        String.format(
            Locale.ROOT,
            "How deep in the student's order of tokens the teacher's three most attended ones lie;"
                + " the smallest possible mean is %.3f. Lower is better (section 3.2, Fig. 4).",
            any.coverFloor()));
    perHead(
        task,
        "map-divergence",
        "Divergence of attention maps",
        "KL, nats",
        heads,
        students,
        AttentionAnalysis::divergence,
        "KL(teacher || student) of the attention maps, mean over query rows and examples. Lower is"
            + " better.");
    distances(task, students);
    AttentionAnalysis teacher = outcome.analyses().get(Experiment.TEACHER);
    Map<String, AttentionAnalysis> withTeacher = new LinkedHashMap<>();
    withTeacher.put(Experiment.TEACHER, teacher);
    withTeacher.putAll(students);
    attention(task, "first token, [CLS]", withTeacher, AttentionAnalysis::firstAttention);
    attention(task, "last token, [SEP]", withTeacher, AttentionAnalysis::lastAttention);
    ranges(task, students, teacher);
    maps(task, students, teacher);
  }

  /** Returns the students that were analysed, in the order of the settings. */
  private List<String> ordered(Experiment.Outcome outcome) {
    List<String> names = new ArrayList<>();
    names.add(Experiment.UNTRAINED);
    names.addAll(settings.losses());
    names.removeIf(name -> !outcome.analyses().containsKey(name));
    return names;
  }

  private void figure(
      String task, String name, Supplier<Picture> drawn, String alternative, String caption) {
    if (obstacle.isPresent()) {
      return;
    }
    Picture picture = drawn.get();
    AtomicFiles.write(out.plots().resolve(task + "-" + name + ".png"), picture.png());
    report.figure(picture, alternative, caption);
  }

  private void learning(String task, Experiment.Outcome outcome) {
    String metric = outcome.data().task().metric().id();
    XyPlot plot = new XyPlot("Learning curves, " + task, "step", metric + ", points");
    TrainingState teacher = outcome.curves().get(Experiment.TEACHER);
    plot.reference(Experiment.TEACHER, teacher.best().value());
    double start =
        outcome.results().stream()
            .filter(run -> run.configuration().equals(Experiment.UNTRAINED))
            .findFirst()
            .orElseThrow()
            .best();
    for (String losses : settings.losses()) {
      List<TrainingState.Point> curve = outcome.curves().get(losses).curve();
      plot.markedLine(
          losses,
          fromStart(0, curve.stream().mapToDouble(TrainingState.Point::step)),
          fromStart(start, curve.stream().mapToDouble(TrainingState.Point::value)));
    }
    figure(
        task,
        "learning",
        plot::picture,
        "learning curves",
        "The metric on the development set while the students of the first seed train. All start"
            + " from the quantized teacher; the line is the teacher's best.");
  }

  private static double[] fromStart(double start, DoubleStream others) {
    return DoubleStream.concat(DoubleStream.of(start), others).toArray();
  }

  private void hessians(String task, Experiment.Outcome outcome) {
    Map<String, HessianAnalysis> students = new LinkedHashMap<>();
    for (String losses : settings.losses()) {
      if (outcome.hessians().containsKey(losses)) {
        students.put(losses, outcome.hessians().get(losses));
      }
    }
    if (!students.isEmpty()) {
      HessianFigures.add(
          report,
          (file, picture, alternative, caption) ->
              figure(task, file, picture, alternative, caption),
          task,
          students);
    }
  }

  private void perHead(
      String task,
      String file,
      String title,
      String unit,
      int heads,
      Map<String, AttentionAnalysis> students,
      Function<AttentionAnalysis, double[]> measure,
      String caption) {
    Map<String, double[]> values = new LinkedHashMap<>();
    students.forEach((name, analysis) -> values.put(name, measure.apply(analysis)));
    figure(
        task,
        file,
        XyPlot.perHead(title + ", " + task, unit, heads, values)::picture,
        title + " per head",
        caption);
  }

  private void distances(String task, Map<String, AttentionAnalysis> students) {
    String[] names = {"SA-GEN", "SA-PROP, transformed", "SA-PROP, weighted"};
    for (int measure = 0; measure < names.length; measure += 2) {
      int row = measure;
      XyPlot plot =
          byLayer(
              names[measure] + " distance of [SEP], " + task,
              "distance",
              students,
              analysis -> analysis.distances().get("SEP")[row]);
      figure(
          task,
          names[measure].toLowerCase(Locale.ROOT).replace(", ", "-"),
          plot::picture,
          names[measure],
          measure == 0
              ? "How far the attention that [SEP] gets is from the teacher's (self-attention"
                  + " generation, section 4.2, Fig. 6)."
              : "How far what arrives from [SEP] is from the teacher's (self-attention propagation,"
                  + " section 4.2, Fig. 6).");
    }
  }

  /** Returns a plot of one value a layer for each network. */
  private XyPlot byLayer(
      String title,
      String unit,
      Map<String, AttentionAnalysis> networks,
      Function<AttentionAnalysis, double[]> measure) {
    int layers = model.config().layers();
    double[] x = IntStream.range(0, layers).asDoubleStream().toArray();
    XyPlot plot = new XyPlot(title, "layer", unit);
    networks.forEach((name, analysis) -> plot.markedLine(name, x, measure.apply(analysis)));
    return plot.xNames(IntStream.rangeClosed(1, layers).mapToObj(Integer::toString).toList());
  }

  private void attention(
      String task,
      String token,
      Map<String, AttentionAnalysis> networks,
      Function<AttentionAnalysis, double[]> measure) {
    XyPlot plot =
        byLayer("Attention to the " + token + ", " + task, "probability", networks, measure);
    figure(
        task,
        "attention-" + token.substring(0, token.indexOf(' ')),
        plot::picture,
        "attention to the " + token,
        "The attention that the "
            + token
            + ", gets, mean over query rows, heads and examples"
            + " (section 3.1, Fig. 2).");
  }

  private void ranges(
      String task, Map<String, AttentionAnalysis> students, AttentionAnalysis teacher) {
    int layers = teacher.minimum().length;
    // The middle and the last layer; all of them are in analysis.json.
    for (int l : IntStream.of(layers / 2, layers - 1).distinct().toArray()) {
      XyPlot plot =
          new XyPlot(
              "Range of the attention output, layer " + (l + 1) + ", " + task,
              "token of the first example",
              "least and greatest channel");
      range(plot, Experiment.TEACHER, teacher, l);
      students.forEach((name, analysis) -> range(plot, name, analysis, l));
      figure(
          task,
          "range-layer-" + (l + 1),
          plot::picture,
          "range curves",
          "The least and the greatest channel of the attention output after layer normalisation, token"
              + " by token (section 4.1, Fig. 5).");
    }
  }

  private static void range(XyPlot plot, String name, AttentionAnalysis analysis, int l) {
    float[] minimum = analysis.minimum()[l];
    double[] x = new double[minimum.length];
    double[] low = new double[minimum.length];
    double[] high = new double[minimum.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = i;
      low[i] = minimum[i];
      high[i] = analysis.maximum()[l][i];
    }
    plot.range(name, x, low, high);
  }

  private void maps(
      String task, Map<String, AttentionAnalysis> students, AttentionAnalysis teacher) {
    List<String> tokens = new ArrayList<>();
    for (int piece : teacher.tokens()) {
      tokens.add(pieces.apply(piece));
    }
    int last = teacher.maps().length - 1;
    HeatMap map =
        HeatMap.attention(
            "Attention maps of layer " + (last + 1) + ", mean over heads, " + task, tokens);
    map.panel(Experiment.TEACHER, teacher.maps()[last]);
    students.forEach((name, analysis) -> map.panel(name, analysis.maps()[last]));
    figure(
        task,
        "maps",
        map::picture,
        "attention maps of teacher and students",
        "The attention maps of the teacher and of each student on the first example.");
  }
}

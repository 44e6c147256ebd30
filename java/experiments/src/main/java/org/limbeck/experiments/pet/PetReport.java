// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.limbeck.experiments.report.MachineFacts;
import org.limbeck.experiments.report.Picture;
import org.limbeck.experiments.report.Report;
import org.limbeck.experiments.report.TextTable;
import org.limbeck.experiments.report.TextTable.Column;
import org.limbeck.experiments.report.XyPlot;
import org.limbeck.experiments.run.OutputDirectory;
import org.limbeck.experiments.run.RecordFile;
import org.limbeck.experiments.run.TrainingState;
import org.limbeck.formats.AtomicFiles;

/** Draws the plots of a run and writes its report. */
final class PetReport {
  private static final String PAPER =
      "Jeon, Park, Kim, Kang: PET: Parameter-efficient Knowledge Distillation on Transformer,"
          + " PLOS ONE 18(7) e0288060, 2023";

  private static final List<String> CLASSES =
      List.of(
          "confidently correct",
          "correct, not confident",
          "confidently wrong",
          "wrong, not confident");

  private final Settings settings;
  private final PetData.Prepared data;
  private final OutputDirectory out;
  private final Comparison comparison;
  private final Report report =
      new Report("PET: a compressed translation Transformer").subtitle("After " + PAPER + ".");
  // A run must not end without a report because the machine has no fonts.
  private final Optional<String> obstacle = Picture.obstacle();

  PetReport(Settings settings, PetData.Prepared data, OutputDirectory out, Comparison comparison) {
    this.settings = settings;
    this.data = data;
    this.out = out;
    this.comparison = comparison;
  }

  /** Writes plots and report, and returns the report's file. */
  Path write(Experiment.Outcome outcome) {
    report.section("Results");
    report.table(
        comparison.quality(),
        "BLEU, the mean over seeds with the sample standard deviation. The column of a test set is"
            + " of sentences, by sacreBLEU's 13a tokenisation"
            + (settings.lowerCase() ? " in lower case" : "")
            + ", \"tokenised\" of the words that the models see. \"valid\" is the best validation,"
            + " by which the checkpoint is chosen. \"to teacher\" is the difference on the first"
            + " test set. The cut is of all trained values, embeddings included.");
    comparison.besidePaper().ifPresent(report::paragraph);
    report.table(
        comparison.speed(),
        "Speed of translation with beam "
            + settings.beam()
            + " on the first test set. The paper's speed-up is not defined there: \"faster\" is the"
            + " ratio of rates less 1, \"time saved\" the part of the teacher's time.");
    report.table(
        comparison.training(),
        "Training: the speed is that of steps, the time with validations and warm-up.");
    obstacle.ifPresent(report::paragraph);
    report.section("Size and learning");
    figure("size", this::size, "BLEU against size", sizeCaption());
    figure(
        "learning",
        () -> learning(outcome.curves()),
        "learning curves",
        "BLEU on the validation sentences while the models of the first seed train. A curve begins"
            + " after the steps of the warm-up, where there is one.");
    classes(outcome.results());
    examples();
    report.section("What was run");
    report.code(RecordFile.json(settings));
    report.section("Machine");
    report.table(MachineFacts.table(), "The machine of the run that wrote this report.");
    Path file = out.root().resolve("report.html");
    AtomicFiles.write(file, report.html());
    return file;
  }

  private void figure(String name, Supplier<XyPlot> drawn, String alternative, String caption) {
    if (obstacle.isPresent()) {
      return;
    }
    Picture picture = drawn.get().picture();
    AtomicFiles.write(out.plots().resolve(name + ".png"), picture.png());
    report.figure(picture, alternative, caption);
  }

  private String sizeCaption() {
    return "BLEU on "
        + comparison.tests().get(0)
        + " against the number of trained values, embeddings included; the line is the teacher's"
        + " BLEU. Bars are standard deviations over seeds.";
  }

  /** Draws one series a kind of student, over the widths that were trained. */
  private XyPlot size() {
    XyPlot plot =
        new XyPlot("BLEU and size", "parameters, millions", "BLEU, " + comparison.tests().get(0))
            .logarithmicX();
    plot.reference(ModelPlan.TEACHER, comparison.bleu(ModelPlan.TEACHER));
    // In the order of the learning curves: a model looks the same in both plots.
    Map<String, Map<Long, String>> kinds = new LinkedHashMap<>();
    for (String model : comparison.models()) {
      if (!model.equals(ModelPlan.TEACHER)) {
        int colon = model.indexOf(':');
        kinds
            .computeIfAbsent(colon < 0 ? model : model.substring(0, colon), kind -> new TreeMap<>())
            .put(comparison.runs(model).get(0).parameters(), model);
      }
    }
    kinds.forEach(
        (kind, models) -> {
          List<String> names = new ArrayList<>(models.values());
          plot.means(
              kind,
              models.keySet().stream()
                  .mapToDouble(size -> Math.max(1, Math.round(size / 1e4)) / 1e2)
                  .toArray(),
              names.stream().mapToDouble(comparison::bleu).toArray(),
              names.stream()
                  .mapToDouble(
                      name ->
                          Comparison.deviation(
                              comparison.runs(name), run -> run.tests().get(0).sacrebleu()))
                  .toArray());
        });
    return plot;
  }

  private XyPlot learning(Map<String, TrainingState> curves) {
    XyPlot plot = new XyPlot("Learning curves", "step", "BLEU, validation");
    curves.forEach(
        (name, state) -> {
          long warmup = comparison.runs(name).get(0).steps() - state.last().step();
          plot.markedLine(
              name,
              state.curve().stream().mapToDouble(point -> warmup + point.step()).toArray(),
              state.curve().stream().mapToDouble(TrainingState.Point::value).toArray());
        });
    return plot;
  }

  private void classes(List<ModelResult> results) {
    List<List<String>> rows = new ArrayList<>();
    for (ModelResult result : results) {
      if (!result.labels().isEmpty() && result.seed() == settings.teacherSeed()) {
        double sum = result.labels().stream().mapToLong(Long::longValue).sum();
        List<String> row = new ArrayList<>(List.of(result.name()));
        for (long count : result.labels()) {
          row.add(String.format(Locale.ROOT, "%.2f %%", 100 * count / sum));
        }
        rows.add(row);
      }
    }
    if (rows.isEmpty()) {
      return;
    }
    List<Column> columns = new ArrayList<>(List.of(Column.text("model")));
    CLASSES.forEach(name -> columns.add(Column.number(name)));
    report.section("Classes of the warm-up");
    report.table(
        new TextTable(columns, rows),
        "How many target tokens of the training pairs the teacher gets right, and how confidently."
            + " A teacher trained with label smoothing is rarely more confident than one less the"
            + " smoothing.");
  }

  private void examples() {
    TestSet test = data.tests().get(0);
    report.section("Examples");
    int count = Math.min(Experiment.EXAMPLES, test.sentences().size());
    for (int i = 0; i < count; i++) {
      List<List<String>> rows = new ArrayList<>();
      rows.add(List.of("sentence", test.sentences().get(i)));
      rows.add(List.of("reference", test.references().get(i)));
      for (String model : comparison.models()) {
        rows.add(List.of(model, comparison.runs(model).get(0).examples().get(i)));
      }
      report.table(
          TextTable.pairs("from", "text", rows),
          "Sentence " + (i + 1) + " of " + test.name() + ", by the models of the first seed.");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.limbeck.experiments.report.Csv;
import org.limbeck.experiments.report.Numbers;
import org.limbeck.experiments.report.TextTable;
import org.limbeck.experiments.report.TextTable.Column;

/** The models of a run beside each other: size, BLEU, speed, and what that is to the teacher. */
final class Comparison {
  private static final String NONE = "-";
  private static final Gson JSON = new GsonBuilder().setPrettyPrinting().serializeNulls().create();

  private final List<ModelResult> results;
  private final ModelResult teacher;
  private final Map<String, List<ModelResult>> byModel = new LinkedHashMap<>();

  /**
   * Takes the results of a run.
   *
   * @param results a result for each model and seed, the teacher's among them
   */
  Comparison(List<ModelResult> results) {
    this.results = List.copyOf(results);
    teacher =
        results.stream()
            .filter(result -> result.name().equals(ModelPlan.TEACHER))
            .findFirst()
            .orElseThrow();
    for (ModelResult result : results) {
      byModel.computeIfAbsent(result.name(), name -> new ArrayList<>()).add(result);
    }
  }

  /** Returns the results of a model over its seeds; empty if it was not trained. */
  List<ModelResult> runs(String name) {
    return byModel.getOrDefault(name, List.of());
  }

  /** Returns the names of the models in the order of training. */
  List<String> models() {
    return List.copyOf(byModel.keySet());
  }

  /** Returns the names of the test sets in order. */
  List<String> tests() {
    return teacher.tests().stream().map(ModelResult.Test::name).toList();
  }

  /** Returns the part of the teacher's parameters that a model lacks, in percent. */
  double sizeCut(ModelResult result) {
    return 100.0 * (teacher.parameters() - result.parameters()) / teacher.parameters();
  }

  /**
   * Returns how much faster a model is than the teacher as a ratio of rates, less 1, in percent.
   *
   * @param speed chooses the measurement
   */
  double faster(ModelResult result, Function<ModelResult, ModelResult.Speed> speed) {
    return 100
        * (speed.apply(result).sentencesPerSecond() / speed.apply(teacher).sentencesPerSecond()
            - 1);
  }

  /**
   * Returns the part of the teacher's time that a model saves, in percent.
   *
   * @param speed chooses the measurement
   */
  double timeSaved(ModelResult result, Function<ModelResult, ModelResult.Speed> speed) {
    return 100
        * (1
            - speed.apply(teacher).sentencesPerSecond() / speed.apply(result).sentencesPerSecond());
  }

  /** Returns the mean of a number over the seeds of a model. */
  static double mean(List<ModelResult> runs, ToDoubleFunction<ModelResult> value) {
    return runs.stream().mapToDouble(value).average().orElse(Double.NaN);
  }

  /** Returns the sample standard deviation over the seeds of a model; NaN for one. */
  static double deviation(List<ModelResult> runs, ToDoubleFunction<ModelResult> value) {
    if (runs.size() < 2) {
      return Double.NaN;
    }
    double mean = mean(runs, value);
    double squares =
        runs.stream().mapToDouble(run -> Math.pow(value.applyAsDouble(run) - mean, 2)).sum();
    return Math.sqrt(squares / (runs.size() - 1));
  }

  /** Returns BLEU of sentences on the first test set, the mean over seeds. */
  double bleu(String model) {
    return mean(runs(model), run -> run.tests().get(0).sacrebleu());
  }

  /** Returns parameters, size cuts and BLEU. */
  TextTable quality() {
    List<Column> columns =
        new ArrayList<>(
            List.of(
                Column.text("model"),
                Column.text("what"),
                Column.number("parameters"),
                Column.number("cut"),
                Column.number("runs"),
                Column.number("valid")));
    for (String test : tests()) {
      columns.add(Column.number(test));
      columns.add(Column.number("tokenised"));
    }
    columns.add(Column.number("to teacher"));
    List<List<String>> rows = new ArrayList<>();
    byModel.forEach(
        (name, runs) -> {
          ModelResult any = runs.get(0);
          List<String> row = new ArrayList<>();
          row.add(name);
          row.add(any.label());
          row.add(String.format(Locale.ROOT, "%,d", any.parameters()));
          row.add(any == teacher ? NONE : String.format(Locale.ROOT, "%.2f %%", sizeCut(any)));
          row.add(Integer.toString(runs.size()));
          row.add(Numbers.points(mean(runs, ModelResult::valid)));
          for (int t = 0; t < tests().size(); t++) {
            int test = t;
            row.add(withDeviation(runs, run -> run.tests().get(test).sacrebleu()));
            row.add(withDeviation(runs, run -> run.tests().get(test).tokenised()));
          }
          row.add(any == teacher ? NONE : Numbers.signed(bleu(name) - bleu(ModelPlan.TEACHER)));
          rows.add(row);
        });
    return new TextTable(columns, rows);
  }

  private static String withDeviation(List<ModelResult> runs, ToDoubleFunction<ModelResult> value) {
    double deviation = deviation(runs, value);
    return Numbers.points(mean(runs, value))
        + (Double.isNaN(deviation) ? "" : " (" + Numbers.points(deviation) + ")");
  }

  /** Returns speeds of translation. */
  TextTable speed() {
    List<Column> columns = new ArrayList<>(List.of(Column.text("model")));
    for (int batch : List.of(teacher.single().batch(), teacher.batched().batch())) {
      columns.add(Column.number("batch " + batch + ", sentences/s"));
      columns.add(Column.number("tokens/s"));
      columns.add(Column.number("faster"));
      columns.add(Column.number("time saved"));
    }
    List<List<String>> rows = new ArrayList<>();
    byModel.forEach(
        (name, runs) -> {
          List<String> row = new ArrayList<>(List.of(name));
          addSpeed(row, runs, ModelResult::single);
          addSpeed(row, runs, ModelResult::batched);
          rows.add(row);
        });
    return new TextTable(columns, rows);
  }

  /** Returns how long training took. */
  TextTable training() {
    List<List<String>> rows = new ArrayList<>();
    byModel.forEach(
        (name, runs) -> {
          double rate = mean(runs, ModelResult::trainingRate);
          rows.add(
              List.of(
                  name,
                  String.format(Locale.ROOT, "%.0f", mean(runs, ModelResult::steps)),
                  rate > 0 ? number(rate) : NONE,
                  Numbers.duration(mean(runs, ModelResult::seconds))));
        });
    return new TextTable(
        List.of(
            Column.text("model"),
            Column.number("steps"),
            Column.number("target tokens/s"),
            Column.number("time")),
        rows);
  }

  private void addSpeed(
      List<String> row, List<ModelResult> runs, Function<ModelResult, ModelResult.Speed> speed) {
    row.add(number(mean(runs, run -> speed.apply(run).sentencesPerSecond())));
    row.add(number(mean(runs, run -> speed.apply(run).tokensPerSecond())));
    boolean base = runs.get(0) == teacher;
    row.add(base ? NONE : percent(mean(runs, run -> faster(run, speed))));
    row.add(base ? NONE : percent(mean(runs, run -> timeSaved(run, speed))));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.1f" : "%.0f", value);
  }

  private static String percent(double value) {
    return String.format(Locale.ROOT, "%+.1f %%", value);
  }

  /**
   * Returns what was found beside what the paper reports ({@code pet.md} 5.1), in words; empty
   * where PET was not trained.
   */
  Optional<String> besidePaper() {
    List<ModelResult> pet = runs("pet");
    if (pet.isEmpty()) {
      return Optional.empty();
    }
    String order =
        Stream.concat(Stream.of(ModelPlan.TEACHER), ModelPlan.STUDENTS.stream())
            .filter(byModel::containsKey)
            .sorted(Comparator.comparingDouble(this::bleu).reversed())
            .map(name -> name + " " + Numbers.points(bleu(name)))
            .collect(Collectors.joining(", "));
    return Optional.of(
        String.format(
            Locale.ROOT,
            "PET is %.2f %% smaller than the teacher, its BLEU on %s differs by %s, and it"
                + " translates %+.1f %% faster at batch %d and %+.1f %% at batch %d. BLEU in"
                + " order: %s. The paper reports 81.20 %%, -0.27 and 45.15 %% on IWSLT'14 German to"
                + " English, and PET clearly above patient distillation and compressed attention,"
                + " with larger models trained to their end on other data: the order of the"
                + " methods can be compared, the numbers cannot.",
            sizeCut(pet.get(0)),
            tests().get(0),
            Numbers.signed(bleu("pet") - bleu(ModelPlan.TEACHER)),
            mean(pet, run -> faster(run, ModelResult::single)),
            pet.get(0).single().batch(),
            mean(pet, run -> faster(run, ModelResult::batched)),
            pet.get(0).batched().batch(),
            order));
  }

  /** Returns what a terminal shows. */
  String plainText() {
    return "BLEU, mean (standard deviation)\n"
        + quality().plainText()
        + "\nspeed with beam search\n"
        + speed().plainText()
        + "\ntraining\n"
        + training().plainText();
  }

  /** Returns a line for each model, seed and test set. */
  String csv() {
    StringBuilder out =
        new StringBuilder(
            "model,seed,parameters,size_cut_pct,valid_bleu,test,bleu,tokenised_bleu,"
                + "translation_seconds,steps,training_seconds,training_tokens_per_s,"
                + "sentences_per_s_1,tokens_per_s_1,faster_pct_1,time_saved_pct_1,"
                + "sentences_per_s_batched,tokens_per_s_batched,faster_pct_batched,"
                + "time_saved_pct_batched\n");
    for (ModelResult r : results) {
      for (ModelResult.Test test : r.tests()) {
        List<Object> cells = new ArrayList<>();
        cells.add(Csv.quoted(r.name()));
        cells.add(r.seed());
        cells.add(r.parameters());
        cells.add(sizeCut(r));
        cells.add(r.valid());
        cells.add(Csv.quoted(test.name()));
        cells.add(test.sacrebleu());
        cells.add(test.tokenised());
        cells.add(test.seconds());
        cells.add(r.steps());
        cells.add(r.seconds());
        cells.add(r.trainingRate());
        for (Function<ModelResult, ModelResult.Speed> speed : speeds()) {
          cells.add(speed.apply(r).sentencesPerSecond());
          cells.add(speed.apply(r).tokensPerSecond());
          cells.add(faster(r, speed));
          cells.add(timeSaved(r, speed));
        }
        out.append(String.join(",", cells.stream().map(Object::toString).toList())).append('\n');
      }
    }
    return out.toString();
  }

  private static List<Function<ModelResult, ModelResult.Speed>> speeds() {
    return List.of(ModelResult::single, ModelResult::batched);
  }

  /** Returns the results and what they are to the teacher as JSON. */
  String json() {
    JsonArray all = new JsonArray();
    for (ModelResult result : results) {
      JsonObject object = JSON.toJsonTree(result).getAsJsonObject();
      object.addProperty("sizeCutPercent", sizeCut(result));
      object.addProperty("fasterPercentSingle", faster(result, ModelResult::single));
      object.addProperty("timeSavedPercentSingle", timeSaved(result, ModelResult::single));
      object.addProperty("fasterPercentBatched", faster(result, ModelResult::batched));
      object.addProperty("timeSavedPercentBatched", timeSaved(result, ModelResult::batched));
      all.add(object);
    }
    JsonObject root = new JsonObject();
    root.addProperty("teacher", ModelPlan.TEACHER);
    root.add("results", all);
    return JSON.toJson(root) + "\n";
  }
}

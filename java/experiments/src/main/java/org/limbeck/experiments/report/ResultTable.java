// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.limbeck.experiments.report.TextTable.Column;

/**
 * The runs of an experiment and what they say: mean and sample standard deviation over seeds, and
 * the difference to a baseline configuration and to the teacher.
 *
 * <p>Means are of the best evaluation of each run, as in the paper's code. Tasks and configurations
 * keep the order in which they first occur.
 */
public final class ResultTable {
  private static final String NONE = "-";

  private final List<RunResult> runs;
  private final String baseline;
  private final String teacher;

  /**
   * The runs of one configuration on one task.
   *
   * @param task the task
   * @param configuration the configuration
   * @param metric the name of the metric
   * @param runs the number of runs
   * @param mean the mean of the best values, in points
   * @param deviation their sample standard deviation (divisor runs - 1); NaN for a single run
   * @param last the mean of the last values, in points
   * @param toBaseline the mean minus that of the baseline on this task; NaN where it has no run
   * @param toTeacher the mean minus that of the teacher on this task; NaN where it has no run
   * @param steps the mean number of steps
   * @param seconds the mean wall time of a run
   * @param fullBytes the size of the model in full precision
   * @param packedBytes its packed size
   */
  public record Summary(
      String task,
      String configuration,
      String metric,
      int runs,
      double mean,
      double deviation,
      double last,
      double toBaseline,
      double toTeacher,
      double steps,
      double seconds,
      long fullBytes,
      long packedBytes) {}

  /**
   * Makes a table.
   *
   * @param runs the runs, of any number of tasks, configurations and seeds
   * @param baseline the configuration that the others are compared with
   * @param teacher the configuration of the teacher
   * @throws IllegalArgumentException if two runs have the same task, configuration and seed, or a
   *     task has two metrics
   */
  public ResultTable(List<RunResult> runs, String baseline, String teacher) {
    this.runs = List.copyOf(runs);
    this.baseline = baseline;
    this.teacher = teacher;
    Set<List<Object>> seen = new LinkedHashSet<>();
    Map<String, String> metrics = new LinkedHashMap<>();
    for (RunResult run : runs) {
      if (!seen.add(List.of(run.task(), run.configuration(), run.seed()))) {
        throw new IllegalArgumentException(
            "ResultTable: given two runs of "
                + run.configuration()
                + " on "
                + run.task()
                + " from seed "
                + run.seed()
                + ", expected one");
      }
      String metric = metrics.putIfAbsent(run.task(), run.metric());
      if (metric != null && !metric.equals(run.metric())) {
        throw new IllegalArgumentException(
            "ResultTable: given " + run.metric() + " on " + run.task() + ", expected " + metric);
      }
    }
  }

  /**
   * Reads the runs that {@link #csv} wrote.
   *
   * @param name the name of the file, for messages
   * @param text its content
   * @throws org.limbeck.formats.BadInputException if the text is not such a file
   */
  public static List<RunResult> runsFromCsv(String name, String text) {
    return RunCsv.read(name, text);
  }

  /** Returns the runs as comma-separated values, a line each after a line of names. */
  public String csv() {
    return RunCsv.write(runs);
  }

  /** Returns the runs. */
  public List<RunResult> runs() {
    return runs;
  }

  /** Returns a summary for each configuration of each task, task by task. */
  public List<Summary> summaries() {
    Map<List<String>, List<RunResult>> groups = new LinkedHashMap<>();
    for (String task : distinct(true)) {
      for (String configuration : distinct(false)) {
        List<RunResult> group =
            runs.stream()
                .filter(r -> r.task().equals(task) && r.configuration().equals(configuration))
                .toList();
        if (!group.isEmpty()) {
          groups.put(List.of(task, configuration), group);
        }
      }
    }
    List<Summary> summaries = new ArrayList<>();
    groups.forEach(
        (key, group) -> {
          double mean = mean(group, RunResult::best);
          RunResult first = group.get(0);
          summaries.add(
              new Summary(
                  key.get(0),
                  key.get(1),
                  first.metric(),
                  group.size(),
                  mean,
                  deviation(group, mean),
                  mean(group, RunResult::last),
                  mean - meanOf(groups.get(List.of(key.get(0), baseline))),
                  mean - meanOf(groups.get(List.of(key.get(0), teacher))),
                  mean(group, RunResult::steps),
                  mean(group, RunResult::seconds),
                  first.fullBytes(),
                  first.packedBytes()));
        });
    return summaries;
  }

  private Set<String> distinct(boolean tasks) {
    Set<String> names = new LinkedHashSet<>();
    runs.forEach(r -> names.add(tasks ? r.task() : r.configuration()));
    return names;
  }

  private static double meanOf(List<RunResult> group) {
    return group == null ? Double.NaN : mean(group, RunResult::best);
  }

  private static double mean(List<RunResult> group, ToDoubleFunction<RunResult> value) {
    return group.stream().mapToDouble(value).sum() / group.size();
  }

  private static double deviation(List<RunResult> group, double mean) {
    if (group.size() < 2) {
      return Double.NaN;
    }
    double square = 0;
    for (RunResult run : group) {
      square += (run.best() - mean) * (run.best() - mean);
    }
    return Math.sqrt(square / (group.size() - 1));
  }

  /**
   * Returns configurations against tasks: mean (standard deviation) in each cell, and the mean over
   * tasks of the configurations that ran on all of them.
   */
  public TextTable overview() {
    List<Summary> summaries = summaries();
    Set<String> tasks = distinct(true);
    List<Column> columns = new ArrayList<>();
    columns.add(Column.text("configuration"));
    for (String task : tasks) {
      String metric =
          summaries.stream().filter(s -> s.task().equals(task)).findFirst().orElseThrow().metric();
      columns.add(Column.number(task + ", " + metric));
    }
    if (tasks.size() > 1) {
      columns.add(Column.number("average"));
    }
    List<List<String>> rows = new ArrayList<>();
    for (String configuration : distinct(false)) {
      List<String> row = new ArrayList<>();
      row.add(configuration);
      double sum = 0;
      for (String task : tasks) {
        Summary summary =
            summaries.stream()
                .filter(s -> s.task().equals(task) && s.configuration().equals(configuration))
                .findFirst()
                .orElse(null);
        row.add(summary == null ? NONE : withDeviation(summary));
        sum += summary == null ? Double.NaN : summary.mean();
      }
      if (tasks.size() > 1) {
        row.add(Numbers.points(sum / tasks.size()));
      }
      rows.add(row);
    }
    return new TextTable(columns, rows);
  }

  private static String withDeviation(Summary summary) {
    return Numbers.points(summary.mean())
        + (Double.isNaN(summary.deviation())
            ? ""
            : " (" + Numbers.points(summary.deviation()) + ")");
  }

  /** A column of a table of summaries; brief tables leave some out. */
  private record Field(boolean brief, Column column, Function<Summary, String> cell) {}

  private List<Field> fields() {
    return List.of(
        new Field(false, Column.text("task"), Summary::task),
        new Field(true, Column.text("configuration"), Summary::configuration),
        new Field(false, Column.text("metric"), Summary::metric),
        new Field(true, Column.number("runs"), s -> Integer.toString(s.runs())),
        new Field(true, Column.number("mean"), s -> Numbers.points(s.mean())),
        new Field(true, Column.number("std. dev."), s -> Numbers.points(s.deviation())),
        new Field(false, Column.number("last"), s -> Numbers.points(s.last())),
        new Field(
            true,
            Column.number("to " + baseline),
            s -> s.configuration().equals(baseline) ? NONE : Numbers.signed(s.toBaseline())),
        new Field(
            true,
            Column.number("to " + teacher),
            s -> s.configuration().equals(teacher) ? NONE : Numbers.signed(s.toTeacher())),
        new Field(
            true,
            Column.number("time a run"),
            s -> s.steps() > 0 ? Numbers.duration(s.seconds()) : NONE),
        new Field(true, Column.number("full size"), s -> Numbers.size(s.fullBytes())),
        new Field(true, Column.number("packed"), s -> Numbers.size(s.packedBytes())),
        new Field(
            false,
            Column.number("ratio"),
            s ->
                s.packedBytes() > 0
                    ? String.format(Locale.ROOT, "%.1fx", (double) s.fullBytes() / s.packedBytes())
                    : NONE));
  }

  private static TextTable table(List<Field> fields, List<Summary> summaries) {
    return new TextTable(
        fields.stream().map(Field::column).toList(),
        summaries.stream()
            .map(s -> fields.stream().map(field -> field.cell().apply(s)).toList())
            .toList());
  }

  /** Returns one row for each configuration of each task with everything that is known. */
  public TextTable details() {
    return table(fields(), summaries());
  }

  /**
   * Returns what a terminal shows: a table for each task below a line with its name and metric, and
   * the overview if there are several.
   */
  public String plainText() {
    List<Field> brief = fields().stream().filter(Field::brief).toList();
    StringBuilder out = new StringBuilder();
    for (String task : distinct(true)) {
      List<Summary> own = summaries().stream().filter(s -> s.task().equals(task)).toList();
      out.append(out.isEmpty() ? "" : "\n");
      out.append(task).append(", ").append(own.get(0).metric()).append(", points\n");
      out.append(table(brief, own).plainText());
    }
    if (distinct(true).size() > 1) {
      out.append("\nall tasks, mean (standard deviation)\n").append(overview().plainText());
    }
    return out.toString();
  }

  /**
   * Returns runs and summaries as JSON; a number that is not finite becomes null.
   *
   * @param packed packed students beside their teacher, which follow
   */
  public String json(PackedTable packed) {
    JsonObject root = new JsonObject();
    root.addProperty("baseline", baseline);
    root.addProperty("teacher", teacher);
    JsonArray all = new JsonArray();
    for (RunResult run : runs) {
      JsonObject object = new JsonObject();
      object.addProperty("task", run.task());
      object.addProperty("configuration", run.configuration());
      object.addProperty("seed", run.seed());
      object.addProperty("metric", run.metric());
      object.addProperty("best", Numbers.finite(run.best()));
      object.addProperty("last", Numbers.finite(run.last()));
      object.addProperty("steps", run.steps());
      object.addProperty("seconds", Numbers.finite(run.seconds()));
      object.addProperty("full_bytes", run.fullBytes());
      object.addProperty("packed_bytes", run.packedBytes());
      all.add(object);
    }
    root.add("runs", all);
    JsonArray summaries = new JsonArray();
    for (Summary s : summaries()) {
      JsonObject object = new JsonObject();
      object.addProperty("task", s.task());
      object.addProperty("configuration", s.configuration());
      object.addProperty("metric", s.metric());
      object.addProperty("runs", s.runs());
      object.addProperty("mean", Numbers.finite(s.mean()));
      object.addProperty("standard_deviation", Numbers.finite(s.deviation()));
      object.addProperty("last", Numbers.finite(s.last()));
      object.addProperty("to_baseline", Numbers.finite(s.toBaseline()));
      object.addProperty("to_teacher", Numbers.finite(s.toTeacher()));
      object.addProperty("steps", Numbers.finite(s.steps()));
      object.addProperty("seconds", Numbers.finite(s.seconds()));
      object.addProperty("full_bytes", s.fullBytes());
      object.addProperty("packed_bytes", s.packedBytes());
      summaries.add(object);
    }
    root.add("summaries", summaries);
    root.add("packed", packed.json());
    return new GsonBuilder().setPrettyPrinting().serializeNulls().create().toJson(root) + "\n";
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.limbeck.experiments.report.PackedResult;
import org.limbeck.experiments.report.Progress;
import org.limbeck.experiments.report.RunResult;
import org.limbeck.experiments.run.DeviceOptions;
import org.limbeck.experiments.run.OutputDirectory;
import org.limbeck.experiments.run.TrainingLoop;
import org.limbeck.experiments.run.TrainingLoop.Plan;
import org.limbeck.experiments.run.TrainingState;
import org.limbeck.experiments.run.TrainingState.Point;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.checkpoint.Checkpoint;
import org.limbeck.training.data.Batch;
import org.limbeck.training.data.Batches;
import org.limbeck.training.data.MetricResult;
import org.limbeck.training.data.Task;
import org.limbeck.training.distill.Distillation;
import org.limbeck.training.distill.LossConfiguration;
import org.limbeck.training.distill.LossValues;
import org.limbeck.training.distill.Supervised;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;

/**
 * The recipe on one task: fine-tune a teacher, start students from it, train each by
 * quantization-aware training with one loss configuration and seed, judge, compare.
 *
 * <p>What is finished in the output directory is not done again.
 */
final class Experiment {
  /** The configuration of the full-precision teacher in results. */
  static final String TEACHER = "teacher";

  /** The configuration of the teacher quantized without further training. */
  static final String UNTRAINED = "quantized, untrained";

  /** The configuration of giving the same answer to every example. */
  static final String CONSTANT = "constant guess";

  /** The dropout of BERT's hidden states and attention maps. */
  private static final double DROPOUT = 0.1;

  /** The part of the steps in which the learning rate rises. */
  private static final double WARMUP = 0.1;

  private final Limbeck limbeck;
  private final PretrainedModel model;
  private final Settings settings;
  private final OutputDirectory out;
  private final PrintWriter log;
  private final Conduct conduct;

  /**
   * How a run goes, which has no influence on its numbers.
   *
   * @param checkpointSeconds the least time between checkpoints
   * @param export whether trained networks are written in Hugging Face's layout too
   * @param packed how packed students of the first seed take their activations, or null if none are
   *     judged
   * @param quiet whether plain lines are wanted instead of a bar
   */
  record Conduct(double checkpointSeconds, boolean export, Activations packed, boolean quiet) {}

  /**
   * What a task's runs left: results, those of packed students of the first seed beside the teacher
   * and, by configuration, the analyses of the first seed.
   */
  record Outcome(
      TokenizedTask data,
      List<RunResult> results,
      List<PackedResult> packed,
      Map<String, TrainingState> curves,
      Map<String, AttentionAnalysis> analyses,
      Map<String, HessianAnalysis> hessians) {}

  Experiment(
      Limbeck limbeck,
      PretrainedModel model,
      Settings settings,
      OutputDirectory out,
      PrintWriter log,
      Conduct conduct) {
    this.limbeck = limbeck;
    this.model = model;
    this.settings = settings;
    this.out = out;
    this.log = log;
    this.conduct = conduct;
  }

  /** Runs the recipe on a task. */
  Outcome run(TokenizedTask data) {
    Outcome outcome =
        new Outcome(
            data,
            new ArrayList<>(),
            new ArrayList<>(),
            new TreeMap<>(),
            new TreeMap<>(),
            new TreeMap<>());
    say(
        "%s: %d training and %d development examples, up to %d word pieces, batches of %d",
        data.task().id(), data.train().size(), data.dev().size(), data.length(), data.batch());
    try (Compute compute = newCompute();
        HostMemory host = new HostMemory()) {
      BertClassifier teacher =
          new BertClassifier(compute, model.config(), data.task().labels(), Quantization.NONE);
      Evaluator evaluator = new Evaluator(compute, host, data);
      teacher(teacher, data, evaluator, outcome);
      if (conduct.packed() != null) {
        PackedComparison comparison = comparison(data);
        comparison.obstacle().ifPresent(why -> say("%s: %s", data.task().id(), why));
        outcome
            .packed()
            .add(comparison.teacher(evaluator, teacher, Folders.teacher(out, data.task().id())));
      }
      constant(data, outcome);
      untrained(teacher, data, outcome);
      for (String losses : settings.losses()) {
        for (long seed : settings.seeds()) {
          student(teacher, data, losses, seed, outcome);
        }
      }
    }
    return outcome;
  }

  private Compute newCompute() {
    return new Compute(limbeck, DeviceOptions.precision(settings.tf32()));
  }

  private PackedComparison comparison(TokenizedTask data) {
    return new PackedComparison(limbeck, model, data, conduct.packed());
  }

  private void say(String format, Object... values) {
    log.printf(Locale.ROOT, format + "%n", values);
    log.flush();
  }

  private void constant(TokenizedTask data, Outcome outcome) {
    double value = data.constantGuess(data.dataset().dev());
    Map<String, Double> parts =
        data.devMismatched().isEmpty()
            ? Map.of()
            : Map.of(Evaluator.MISMATCHED, data.constantGuess(data.dataset().devMismatched()));
    Point point = new Point(0, value, value, parts, Map.of());
    add(outcome, CONSTANT, 0, point, point, 0, 0, new ModelSize(0, 0));
  }

  /** Adds a result; MNLI's examples of other genres count as a task of their own. */
  private static void add(
      Outcome outcome,
      String configuration,
      long seed,
      Point best,
      Point last,
      long steps,
      double seconds,
      ModelSize size) {
    Task task = outcome.data().task();
    RunResult result =
        new RunResult(
            task.id(),
            configuration,
            seed,
            task.metric().id(),
            best.value(),
            last.value(),
            steps,
            seconds,
            size.fullBytes(),
            size.packedBytes());
    outcome.results().add(result);
    if (best.parts().containsKey(Evaluator.MISMATCHED)) {
      outcome
          .results()
          .add(
              result.onTask(
                  task.id() + "-" + Evaluator.MISMATCHED,
                  best.parts().get(Evaluator.MISMATCHED),
                  last.parts().get(Evaluator.MISMATCHED)));
    }
  }

  private Plan plan(TokenizedTask data, double epochs) {
    long steps = data.steps(epochs);
    long every =
        settings.evaluations() > 0
            ? Math.max(1, (steps + settings.evaluations() - 1) / settings.evaluations())
            : data.task().evaluationSteps();
    return new Plan(steps, every, 0, conduct.checkpointSeconds());
  }

  private void teacher(
      BertClassifier teacher, TokenizedTask data, Evaluator evaluator, Outcome outcome) {
    String task = data.task().id();
    Path folder = Folders.teacher(out, task);
    TrainingState state = TrainingLoop.finishedState(folder);
    Plan plan = plan(data, settings.teacherEpochs());
    if (state == null) {
      // A classifier that comes with the encoder is of another task.
      teacher.load(model.encoder(), settings.teacherSeed());
      try (Compute training = newCompute();
          HostMemory host = new HostMemory();
          Supervised supervised = new Supervised(training, teacher, data.batch(), data.length());
          Progress progress =
              Progress.start(task + ", teacher", "steps", plan.steps(), conduct.quiet())) {
        Optimizer optimizer =
            Optimizer.bertAdam(
                training,
                teacher.parameters(),
                settings.teacherLearningRate(),
                Schedule.warmupLinear(plan.steps(), WARMUP));
        Batches batches = data.trainBatches(host);
        BatchUpload upload = new BatchUpload(training.memory(), data.batch(), data.length());
        state =
            new TrainingLoop(
                    training,
                    teacher.parameters(),
                    teacher::refreshWeights,
                    optimizer,
                    plan,
                    folder)
                .run(
                    number -> {
                      Batch batch = batches.training(settings.teacherSeed(), number);
                      Pass pass = new Pass(DROPOUT, settings.teacherSeed(), number);
                      return Map.of(
                          "label", supervised.step(upload.run(batch), batch.labels(), pass));
                    },
                    () -> evaluator.run(teacher),
                    progress);
      }
    }
    restoreBest(teacher, folder);
    if (conduct.export()) {
      ModelExport.write(folder, model, teacher);
    }
    ModelSize size = ModelSize.of(teacher);
    outcome.curves().put(TEACHER, state);
    add(
        outcome,
        TEACHER,
        settings.teacherSeed(),
        state.best(),
        state.last(),
        plan.steps(),
        state.seconds(),
        size);
    say("%s: teacher %.2f %s", task, state.best().value(), data.task().metric().id());
  }

  private void restoreBest(BertClassifier network, Path folder) {
    try (Compute memory = newCompute()) {
      Checkpoint.load(TrainingLoop.best(folder), memory.memory(), network.parameters(), null);
    }
    network.refreshWeights();
  }

  /** Judges and analyses the teacher's values in the quantized network, before any training. */
  private void untrained(BertClassifier teacher, TokenizedTask data, Outcome outcome) {
    try (Compute compute = newCompute();
        HostMemory host = new HostMemory()) {
      BertClassifier student = newStudent(compute, teacher);
      MetricResult result = new Evaluator(compute, host, data).run(student);
      ModelSize size = ModelSize.of(student);
      Point point = new Point(0, result.value(), result.selection(), result.parts(), Map.of());
      add(outcome, UNTRAINED, 0, point, point, 0, 0, size);
      if (analyses(data)) {
        outcome.analyses().put(TEACHER, analyse(compute, teacher, teacher, data));
        outcome.analyses().put(UNTRAINED, analyse(compute, student, teacher, data));
      }
      say("%s: %s %.2f", data.task().id(), UNTRAINED, result.value());
    }
  }

  private boolean analyses(TokenizedTask data) {
    return !AttentionAnalysis.examples(data, settings.analysed()).isEmpty();
  }

  private AttentionAnalysis analyse(
      Compute compute, BertClassifier student, BertClassifier teacher, TokenizedTask data) {
    return AttentionAnalysis.of(compute, student, teacher, data, settings.analysed());
  }

  private BertClassifier newStudent(Compute compute, BertClassifier teacher) {
    BertClassifier student =
        new BertClassifier(compute, teacher.config(), teacher.labels(), Quantization.TERNARY);
    student.copyFrom(teacher);
    return student;
  }

  private void student(
      BertClassifier teacher, TokenizedTask data, String losses, long seed, Outcome outcome) {
    String task = data.task().id();
    Path folder = Folders.student(out, task, losses, seed);
    Path analysed = folder.resolve("analysis.json");
    Path curvature = folder.resolve("hessian.json");
    boolean first = seed == settings.seeds().get(0);
    boolean analyses = analyses(data) && first;
    boolean hessians = settings.hessian() > 0 && first;
    boolean packs = conduct.packed() != null && first;
    TrainingState state = TrainingLoop.finishedState(folder);
    boolean trains = state == null;
    Plan plan = plan(data, settings.epochs());
    try (Compute compute = newCompute();
        HostMemory host = new HostMemory()) {
      BertClassifier student = newStudent(compute, teacher);
      if (trains) {
        Evaluator evaluator = new Evaluator(compute, host, data);
        try (Distillation distillation =
                new Distillation(
                    compute,
                    student,
                    teacher,
                    LossConfiguration.parse(losses),
                    data.batch(),
                    data.length());
            Progress progress =
                Progress.start(
                    task + ", " + losses + ", seed " + seed,
                    "steps",
                    plan.steps(),
                    conduct.quiet())) {
          Optimizer optimizer =
              Optimizer.bertAdam(
                  compute,
                  student.parameters(),
                  settings.learningRate(),
                  Schedule.warmupLinear(plan.steps(), WARMUP));
          Batches batches = data.trainBatches(host);
          BatchUpload upload = new BatchUpload(compute.memory(), data.batch(), data.length());
          state =
              new TrainingLoop(
                      compute,
                      student.parameters(),
                      student::refreshWeights,
                      optimizer,
                      plan,
                      folder)
                  .run(
                      number ->
                          named(
                              distillation.step(
                                  upload.run(batches.training(seed, number)),
                                  new Pass(DROPOUT, seed, number))),
                      () -> evaluator.run(student),
                      progress);
        }
      }
      boolean missing = analyses && !Files.exists(analysed);
      boolean unknown = hessians && !Files.exists(curvature);
      if (missing || unknown || conduct.export() || packs) {
        restoreBest(student, folder);
      }
      if (packs) {
        outcome.packed().add(comparison(data).student(losses, compute, student, folder, trains));
      }
      if (conduct.export()) {
        ModelExport.write(folder, model, student);
      }
      if (missing) {
        AtomicFiles.write(analysed, analyse(compute, student, teacher, data).json());
      }
      if (unknown) {
        AtomicFiles.write(curvature, hessians(compute, student, data, losses).json());
      }
      add(
          outcome,
          losses,
          seed,
          state.best(),
          state.last(),
          plan.steps(),
          state.seconds(),
          ModelSize.of(student));
    }
    if (analyses) {
      outcome.analyses().put(losses, AttentionAnalysis.read(analysed));
    }
    if (hessians) {
      outcome.hessians().put(losses, HessianAnalysis.read(curvature));
    }
    outcome.curves().putIfAbsent(losses, state);
    say("%s: %s, seed %d: %.2f", task, losses, seed, state.best().value());
  }

  private HessianAnalysis hessians(
      Compute compute, BertClassifier student, TokenizedTask data, String losses) {
    int examples = Math.min(settings.hessian(), data.dev().size());
    int size = Math.min(settings.hessianBatch(), examples);
    try (Progress progress =
        Progress.start(
            data.task().id() + ", " + losses + ", Hessians",
            "batches",
            (examples + size - 1) / size,
            conduct.quiet())) {
      return HessianAnalysis.of(compute, student, data, examples, size, progress);
    }
  }

  private static Map<String, Double> named(LossValues values) {
    Map<String, Double> named = new TreeMap<>();
    values.terms().forEach((term, value) -> named.put(term.name().toLowerCase(Locale.ROOT), value));
    return named;
  }
}

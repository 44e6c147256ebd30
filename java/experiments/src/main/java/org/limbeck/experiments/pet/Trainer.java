// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.limbeck.experiments.report.Progress;
import org.limbeck.experiments.run.DeviceOptions;
import org.limbeck.experiments.run.OutputDirectory;
import org.limbeck.experiments.run.TrainingLoop;
import org.limbeck.experiments.run.TrainingState;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.training.checkpoint.Checkpoint;
import org.limbeck.training.data.MetricResult;
import org.limbeck.training.distill.TranslationEvaluation;
import org.limbeck.training.distill.TranslationLossValues;
import org.limbeck.training.distill.TranslationLosses;
import org.limbeck.training.distill.TranslationTraining;
import org.limbeck.training.distill.WarmupLabeler;
import org.limbeck.training.distill.WarmupLabels;
import org.limbeck.training.distill.WarmupTraining;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TranslationBatch;
import org.limbeck.training.transformer.TranslationBuffers;
import org.limbeck.training.translation.PairBatch;
import org.limbeck.training.translation.TranslationBatches;

/**
 * Trains models: a warm-up where there is one, then the main stage. Killed and started again, it
 * ends with the same bits.
 */
final class Trainer {
  /** Decays, epsilon and weight decay of the recipe ({@code pet.md} 3.2). */
  private static final AdamW.Spec ADAM = new AdamW.Spec(0.9, 0.98, 1e-8, 1e-4);

  private static final double NANOS = 1e9;

  private final Limbeck limbeck;
  private final Settings settings;
  private final PetData.Prepared data;
  private final OutputDirectory out;
  private final Conduct conduct;
  private final Map<Long, TranslationBatches> batches = new HashMap<>();
  private final Map<String, WarmupLabels> labels = new HashMap<>();
  private long trainedTokens;
  private long trainingNanos;

  /**
   * How a run goes, which has no influence on its numbers.
   *
   * @param checkpointSeconds the least time between checkpoints
   * @param quiet whether plain lines are wanted instead of a bar
   */
  record Conduct(double checkpointSeconds, boolean quiet) {}

  /**
   * How a model was trained.
   *
   * @param main the main stage
   * @param steps the steps of all stages
   * @param seconds the wall time of all stages
   * @param rate target tokens a second; 0 where that was not measured
   */
  record Trained(TrainingState main, long steps, double seconds, double rate) {}

  Trainer(
      Limbeck limbeck,
      Settings settings,
      PetData.Prepared data,
      OutputDirectory out,
      Conduct conduct) {
    this.limbeck = limbeck;
    this.settings = settings;
    this.data = data;
    this.out = out;
    this.conduct = conduct;
  }

  /** Returns operations and memory in the precision of this run. */
  Compute newCompute() {
    return new Compute(limbeck, DeviceOptions.precision(settings.tf32()));
  }

  /** Returns the folder of a model. */
  Path folder(String name, long seed) {
    return out.folder("models", fileName(name), "seed-" + seed);
  }

  private static String fileName(String name) {
    return name.replace(':', '-').replace('@', '-').replace('/', '-');
  }

  private TranslationBatches batches(long seed) {
    return batches.computeIfAbsent(
        seed, s -> new TranslationBatches(data.train(), settings.batchTokens(), s));
  }

  private Capacity capacity(TranslationBatches cut) {
    return new Capacity(cut.largest(), cut.corpus().longest(), settings.batchTokens());
  }

  private long steps(double epochs, long seed) {
    return Math.max(1, Math.round(epochs * batches(seed).steps()));
  }

  /** Loads the best values of a model. */
  Transformer load(Compute compute, ModelPlan plan, long seed) {
    Transformer model = new Transformer(compute, plan.config());
    Checkpoint.load(
        TrainingLoop.best(folder(plan.name(), seed)), compute.memory(), model.parameters(), null);
    return model;
  }

  /**
   * Trains a model to the end, or finds that this was done.
   *
   * @param plan the model
   * @param seed its seed
   * @param teacher the teacher of logits and hidden states, trained before
   * @param base the teacher of the warm-up's classes, trained before
   */
  Trained train(ModelPlan plan, long seed, ModelPlan teacher, ModelPlan base) {
    Path folder = folder(plan.name(), seed);
    Path before = folder.resolve("warmup");
    TrainingState main = TrainingLoop.finishedState(folder);
    boolean warms = plan.warmup() != ModelPlan.Warmup.NONE && warmupSteps(seed) > 0;
    if (main == null) {
      trainedTokens = 0;
      trainingNanos = 0;
      try (Compute compute = newCompute()) {
        Transformer model = new Transformer(compute, plan.config());
        model.initialise(seed);
        if (warms) {
          out.folder("models", fileName(plan.name()), "seed-" + seed, "warmup");
          warmup(plan, seed, base, compute, model, before);
        }
        main = mainStage(plan, seed, teacher, compute, model, folder, warms);
      }
    }
    TrainingState first = warms ? TrainingLoop.finishedState(before) : null;
    double rate = trainingNanos > 0 ? trainedTokens / (trainingNanos / NANOS) : 0;
    return new Trained(
        main,
        main.last().step() + (first == null ? 0 : first.last().step()),
        main.seconds() + (first == null ? 0 : first.seconds()),
        rate);
  }

  private long warmupSteps(long seed) {
    return Math.round(settings.warmupEpochs() * batches(seed).steps());
  }

  private Optimizer optimizer(Compute compute, ParameterSet parameters) {
    return Optimizer.adamWOfAll(
        compute,
        parameters,
        ADAM,
        settings.learningRate(),
        Schedule.inverseSquareRoot(settings.rise()));
  }

  private TrainingState mainStage(
      ModelPlan plan,
      long seed,
      ModelPlan teacherPlan,
      Compute compute,
      Transformer model,
      Path folder,
      boolean warmed) {
    double epochs = plan.isTeacher() ? settings.teacherEpochs() : settings.epochs();
    long steps = steps(warmed ? epochs - settings.warmupEpochs() : epochs, seed);
    Transformer teacher =
        plan.losses().needsTeacher() ? load(compute, teacherPlan, settings.teacherSeed()) : null;
    TrainingLoop.Plan length =
        new TrainingLoop.Plan(
            steps,
            Math.max(1, Math.round(settings.validateEvery() * batches(seed).steps())),
            plan.isTeacher() ? settings.teacherPatience() : settings.patience(),
            conduct.checkpointSeconds());
    try (Judge judge = new Judge(limbeck, model, data.vocabulary().target(), settings.validBeam());
        Progress progress = progress(plan, seed, "", steps)) {
      return supervised(
          plan,
          seed,
          compute,
          model,
          teacher,
          plan.losses(),
          length,
          () -> {
            MetricResult result = judge.validate(data.valid());
            progress.note(String.format(Locale.ROOT, "BLEU %.2f", result.value()));
            return result;
          },
          folder,
          progress);
    }
  }

  private Progress progress(ModelPlan plan, long seed, String stage, long steps) {
    return Progress.start(plan.name() + ", seed " + seed + stage, "steps", steps, conduct.quiet());
  }

  private TrainingState supervised(
      ModelPlan plan,
      long seed,
      Compute compute,
      Transformer model,
      Transformer teacher,
      TranslationLosses losses,
      TrainingLoop.Plan length,
      TrainingLoop.Evaluation evaluation,
      Path folder,
      Progress progress) {
    TranslationBatches cut = batches(seed);
    Capacity capacity = capacity(cut);
    Optimizer optimizer = optimizer(compute, model.parameters());
    try (TranslationTraining training =
            new TranslationTraining(compute, model, teacher, losses, capacity);
        TranslationBuffers buffers = new TranslationBuffers(compute.memory(), capacity)) {
      return loop(compute, model.parameters(), optimizer, length, folder)
          .run(
              number -> {
                long begin = System.nanoTime();
                PairBatch pairs = cut.training(number);
                TranslationBatch batch = buffers.fill(pairs.sources(), pairs.targets());
                TranslationLossValues values =
                    training.step(batch, new Pass(settings.dropout(), seed, number));
                requireFinite(plan, number, values.total());
                count(pairs, begin);
                return Map.of("output", values.output(), "patience", values.patience());
              },
              evaluation,
              progress);
    }
  }

  private static TrainingLoop loop(
      Compute compute,
      ParameterSet parameters,
      Optimizer optimizer,
      TrainingLoop.Plan length,
      Path folder) {
    return new TrainingLoop(compute, parameters, () -> {}, optimizer, length, folder);
  }

  private void count(PairBatch pairs, long begin) {
    trainedTokens += pairs.targetTokens();
    trainingNanos += System.nanoTime() - begin;
  }

  private static void requireFinite(ModelPlan plan, long step, double loss) {
    if (!Double.isFinite(loss)) {
      throw new BadInputException(
          plan.name()
              + ": the loss is "
              + loss
              + " at step "
              + step
              + ": give a lower --lr, or a longer --rise");
    }
  }

  /** Trains by the warm-up and leaves the model with what it ends with. */
  private void warmup(
      ModelPlan plan, long seed, ModelPlan base, Compute compute, Transformer model, Path folder) {
    long steps = warmupSteps(seed);
    if (TrainingLoop.finishedState(folder) != null) {
      Checkpoint.load(TrainingLoop.best(folder), compute.memory(), model.parameters(), null);
      return;
    }
    boolean head = plan.warmup() == ModelPlan.Warmup.HEAD;
    // The head's own state is in no checkpoint: with one, an interrupted warm-up begins anew.
    double checkpoints = head ? Double.POSITIVE_INFINITY : conduct.checkpointSeconds();
    TrainingLoop.Plan length = new TrainingLoop.Plan(steps, steps, 0, checkpoints);
    try (Progress progress = progress(plan, seed, ", warm-up", steps)) {
      TrainingLoop.Evaluation evaluation = () -> likelihood(compute, model);
      if (plan.warmup() == ModelPlan.Warmup.CROSS_ENTROPY) {
        supervised(
            plan,
            seed,
            compute,
            model,
            null,
            TranslationLosses.crossEntropy(),
            length,
            evaluation,
            folder,
            progress);
        return;
      }
      TranslationBatches cut = batches(seed);
      Capacity capacity = capacity(cut);
      WarmupLabels classes = labels(plan, base);
      Optimizer optimizer = optimizer(compute, model.parameters());
      try (WarmupTraining training = new WarmupTraining(compute, model, 0, head, capacity);
          TranslationBuffers buffers = new TranslationBuffers(compute.memory(), capacity)) {
        Optimizer headOptimizer = head ? optimizer(compute, training.headParameters()) : null;
        loop(compute, model.parameters(), optimizer, length, folder)
            .run(
                number -> {
                  if (headOptimizer != null) {
                    training.headParameters().zeroGradients();
                  }
                  long begin = System.nanoTime();
                  PairBatch pairs = cut.training(number);
                  TranslationBatch batch = buffers.fill(pairs.sources(), pairs.targets());
                  Pass pass = new Pass(settings.dropout(), seed, number);
                  double loss = training.step(batch, pairs.pairs(), classes, pass);
                  requireFinite(plan, number, loss);
                  count(pairs, begin);
                  if (headOptimizer != null) {
                    headOptimizer.step();
                  }
                  return Map.of("classes", loss);
                },
                evaluation,
                progress);
      }
    }
  }

  /** Judges a model that cannot translate yet: by the likelihood of the validation pairs. */
  private MetricResult likelihood(Compute compute, Transformer model) {
    int longest = data.validation().longest();
    int rows = Math.max(settings.batchTokens(), longest);
    TranslationBatches valid = new TranslationBatches(data.validation(), rows, 0);
    Capacity capacity = new Capacity(valid.largest(), longest, rows);
    double sum = 0;
    long tokens = 0;
    try (Compute own = newCompute();
        TranslationEvaluation evaluation = new TranslationEvaluation(own, model, capacity);
        TranslationBuffers buffers = new TranslationBuffers(own.memory(), capacity)) {
      for (PairBatch pairs : valid.all()) {
        TranslationBatch batch = buffers.fill(pairs.sources(), pairs.targets());
        sum += evaluation.negativeLogLikelihood(batch);
        tokens += batch.predicted();
      }
    }
    return new MetricResult(-sum / tokens, -sum / tokens, Map.of());
  }

  /**
   * Returns the classes of the training pairs' target tokens by a teacher, found once and then read
   * from their file.
   *
   * @param plan the model whose thresholds count
   * @param base the teacher
   */
  WarmupLabels labels(ModelPlan plan, ModelPlan base) {
    String name = plan.correctThreshold() + "-" + plan.wrongThreshold() + ".bin";
    return labels.computeIfAbsent(name, n -> readOrFind(plan, base, n));
  }

  private WarmupLabels readOrFind(ModelPlan plan, ModelPlan base, String name) {
    Path file = out.folder("labels").resolve(name);
    List<int[]> targets = data.train().targets();
    WarmupLabels found = new WarmupLabels(targets.stream().mapToInt(ids -> ids.length).toArray());
    if (Files.exists(file)) {
      try {
        found.takeBytes(Files.readAllBytes(file));
        return found;
      } catch (IOException e) {
        throw BadInputException.reading(file, e);
      } catch (IllegalArgumentException e) {
        throw new BadInputException(file + " is of other training pairs: " + e.getMessage(), e);
      }
    }
    TranslationBatches cut = batches(settings.teacherSeed());
    Capacity capacity = capacity(cut);
    try (Compute compute = newCompute();
        WarmupLabeler labeler =
            new WarmupLabeler(
                compute,
                load(compute, base, settings.teacherSeed()),
                plan.correctThreshold(),
                plan.wrongThreshold(),
                capacity);
        TranslationBuffers buffers = new TranslationBuffers(compute.memory(), capacity);
        Progress progress =
            Progress.start("classes of the warm-up", "batches", cut.steps(), conduct.quiet())) {
      for (PairBatch pairs : cut.all()) {
        TranslationBatch batch = buffers.fill(pairs.sources(), pairs.targets());
        labeler.label(batch, pairs.pairs(), pairs.targets(), found);
        progress.step();
      }
    }
    AtomicFiles.write(file, found.toBytes());
    return found;
  }
}

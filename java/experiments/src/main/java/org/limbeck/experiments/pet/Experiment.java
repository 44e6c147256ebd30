// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.limbeck.experiments.report.Numbers;
import org.limbeck.experiments.run.RecordFile;
import org.limbeck.experiments.run.TrainingState;
import org.limbeck.kernels.Limbeck;
import org.limbeck.training.distill.WarmupLabels;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.transformer.Transformer;

/**
 * The comparison: trains both teachers, then each student from each seed, and judges all of them on
 * the test sets. What is finished in the output directory is not done again.
 */
final class Experiment {
  /** How many translations are shown. */
  static final int EXAMPLES = 8;

  private static final String RESULT = "result.json";

  private final Limbeck limbeck;
  private final Settings settings;
  private final PetData.Prepared data;
  private final Trainer trainer;
  private final List<ModelPlan> plans;
  private final PrintWriter log;

  /**
   * What a run left.
   *
   * @param results a result for each model and seed, in the order of training
   * @param curves the validations of the first seed of each model
   */
  record Outcome(List<ModelResult> results, Map<String, TrainingState> curves) {}

  Experiment(
      Limbeck limbeck,
      Settings settings,
      PetData.Prepared data,
      Trainer trainer,
      List<ModelPlan> plans,
      PrintWriter log) {
    this.limbeck = limbeck;
    this.settings = settings;
    this.data = data;
    this.trainer = trainer;
    this.plans = plans;
    this.log = log;
  }

  /** Runs the comparison. */
  Outcome run() {
    say(
        "%d training pairs (%d left out), %d target tokens an epoch; %d and %d subwords",
        data.train().size(),
        data.train().dropped(),
        data.train().targetTokens(),
        data.vocabulary().source().dictionary().size(),
        data.vocabulary().target().dictionary().size());
    for (TestSet test : data.tests()) {
      say(
          "test set %s: %d sentences%s",
          test.name(),
          test.sources().size(),
          test.unknown() == 0
              ? ""
              : ", " + test.unknown() + " subwords outside the vocabulary, read as unknown");
    }
    List<ModelResult> results = new ArrayList<>();
    Map<String, TrainingState> curves = new LinkedHashMap<>();
    for (ModelPlan plan : plans) {
      List<Long> seeds = plan.isTeacher() ? List.of(settings.teacherSeed()) : settings.seeds();
      for (long seed : seeds) {
        Trainer.Trained trained = trainer.train(plan, seed, teacher(plan), plans.get(0));
        curves.putIfAbsent(plan.name(), trained.main());
        ModelResult result = judged(plan, seed, trained);
        results.add(result);
        say(
            "%s, seed %d: %d parameters, BLEU %s, %s",
            plan.name(),
            seed,
            result.parameters(),
            result.tests().stream()
                .map(test -> Numbers.points(test.sacrebleu()) + " on " + test.name())
                .collect(Collectors.joining(", ")),
            Numbers.duration(result.seconds()));
      }
    }
    return new Outcome(results, curves);
  }

  /** Returns the plan of the model that another one learns from; itself where it learns alone. */
  private ModelPlan teacher(ModelPlan plan) {
    return plans.stream()
        .filter(other -> other.name().equals(plan.teacher()))
        .findFirst()
        .orElse(plan);
  }

  private void say(String format, Object... values) {
    log.printf(Locale.ROOT, format + "%n", values);
    log.flush();
  }

  /** Writes a model as translate reads it, and judges it; or reads what was found earlier. */
  private ModelResult judged(ModelPlan plan, long seed, Trainer.Trained trained) {
    Path folder = trainer.folder(plan.name(), seed);
    Path file = folder.resolve(RESULT);
    if (Files.exists(file)) {
      return RecordFile.read(file, ModelResult.class, "the result of a model");
    }
    try (Compute compute = trainer.newCompute()) {
      Transformer model = trainer.load(compute, plan, seed);
      ModelFolder.write(folder, model, compute.memory(), data.vocabulary());
      try (Judge judge = new Judge(limbeck, model, data.vocabulary().target(), settings.beam())) {
        Judge.Verdict verdict = judge.judge(data.tests(), settings.speedSentences(), EXAMPLES);
        ModelResult result =
            new ModelResult(
                plan.name(),
                plan.label(),
                seed,
                plan.config().parameters(),
                trained.steps(),
                trained.seconds(),
                trained.rate(),
                trained.main().best().value(),
                classes(plan),
                verdict.tests(),
                verdict.single(),
                verdict.batched(),
                verdict.examples());
        RecordFile.write(file, result);
        return result;
      }
    }
  }

  private List<Long> classes(ModelPlan plan) {
    if (plan.warmup() != ModelPlan.Warmup.CLASSES && plan.warmup() != ModelPlan.Warmup.HEAD
        || settings.warmupEpochs() == 0) {
      return List.of();
    }
    WarmupLabels labels = trainer.labels(plan, plans.get(0));
    List<Long> counts = Arrays.stream(labels.counts()).boxed().toList();
    if (counts.contains(0L)) {
      say(
          "%s: no target token is of class %d of the warm-up: give other --thresholds",
          plan.name(), counts.indexOf(0L));
    }
    return counts;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.RandomTransformer;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TransformerConfig;
import org.limbeck.training.transformer.TransformerModels;
import org.limbeck.training.transformer.TranslationBuffers;

/** What holds for a step of a translation model as a whole: dropout, padding, threads. */
class TranslationStepTest {
  private static final int[] SOURCE_LENGTHS = {7, 3, 1, 5};
  private static final int[] TARGET_LENGTHS = {4, 6, 2, 1};

  /** A student, its teacher and a batch. */
  private static final class Setting implements AutoCloseable {
    final Limbeck limbeck;
    final Compute compute;
    final Transformer student;
    final TranslationTraining training;
    final TranslationBuffers buffers;
    final List<int[]> sources;
    final List<int[]> targets;

    Setting(
        TransformerConfig config,
        TransformerConfig teacherConfig,
        TranslationLosses losses,
        int[] sourceLengths,
        int[] targetLengths,
        int threads) {
      limbeck = Limbeck.open(List.of(), threads);
      compute = new Compute(limbeck);
      student = new Transformer(compute, config);
      Transformer teacher = new Transformer(compute, teacherConfig);
      RandomTransformer.randomise(compute, student, 1);
      RandomTransformer.randomise(compute, teacher, 2);
      sources = RandomTransformer.sentences(sourceLengths, config.sourceVocabulary(), 3);
      targets = RandomTransformer.sentences(targetLengths, config.targetVocabulary(), 4);
      Capacity capacity = Capacity.of(sources.size(), 40);
      buffers = new TranslationBuffers(compute.memory(), capacity);
      training = new TranslationTraining(compute, student, teacher, losses, capacity);
    }

    static Setting small(String kind, TranslationLosses losses) {
      return new Setting(
          RandomTransformer.config(kind),
          RandomTransformer.SMALL.tinyTeacher(16),
          losses,
          SOURCE_LENGTHS,
          TARGET_LENGTHS,
          1);
    }

    double step(int from, int to, Pass pass) {
      student.parameters().zeroGradients();
      return training
          .step(buffers.fill(sources.subList(from, to), targets.subList(from, to)), pass)
          .total();
    }

    double step(Pass pass) {
      return step(0, sources.size(), pass);
    }

    Map<String, float[]> all(Function<Parameter, Matrix> what) {
      Map<String, float[]> found = new LinkedHashMap<>();
      for (Parameter parameter : student.parameters().all()) {
        found.put(parameter.name(), Tensors.download(compute.memory(), what.apply(parameter)));
      }
      return found;
    }

    @Override
    public void close() {
      training.close();
      buffers.close();
      compute.close();
      limbeck.close();
    }
  }

  private static final TranslationLosses ALL =
      TranslationLosses.patient(0.3, 2, 20, PatienceMapping.SKIP);
  private static final TranslationLosses LOGITS = TranslationLosses.knowledgeDistillation(0.3, 2);

  /**
   * Along its own gradient each parameter changes the loss as the gradient says, dropout included.
   */
  @ParameterizedTest
  @ValueSource(strings = {"pet", "standard", "compressed", "first_tied", "untied_embedding"})
  void differenceQuotientsAgree(String kind) {
    // Hidden states are compared where the student has layers enough and the teacher's widths.
    TranslationLosses losses = kind.equals("compressed") ? LOGITS : ALL;
    try (Setting setting = Setting.small(kind, losses)) {
      Pass pass = new Pass(0.3, 5, 9);
      setting.step(pass);
      Map<String, float[]> gradients = setting.all(Parameter::gradient);
      for (Parameter parameter : setting.student.parameters().all()) {
        float[] g = gradients.get(parameter.name());
        double norm = 0;
        for (float value : g) {
          norm += value * value;
        }
        norm = Math.sqrt(norm);
        if (norm < 1e-4) {
          // The biases of keys: softmax ignores a shift of its row.
          assertTrue(parameter.name().contains("k_proj.bias"), parameter.name());
          continue;
        }
        double quotient = quotient(setting, parameter, g, norm, pass);
        assertEquals(norm, quotient, 2e-2 * norm + 1e-3, parameter.name());
      }
    }
  }

  private static double quotient(
      Setting setting, Parameter parameter, float[] direction, double norm, Pass pass) {
    // Small, for the kinks of relu; the bound has room for the rounding of the losses over it.
    double step = 5e-4;
    float[] values = Tensors.download(setting.compute.memory(), parameter.value());
    double[] losses = new double[2];
    for (int side = 0; side < 2; side++) {
      double sign = side == 0 ? -step : step;
      Tensors.upload(
          setting.compute.memory(),
          parameter.value(),
          i -> (float) (values[(int) i] + sign * direction[(int) i] / norm));
      losses[side] = setting.step(pass);
    }
    Tensors.upload(setting.compute.memory(), parameter.value(), i -> values[(int) i]);
    return (losses[1] - losses[0]) / (2 * step);
  }

  /** Padding changes neither loss nor gradient: a batch is the sum of its sentences. */
  @ParameterizedTest
  @ValueSource(strings = {"pet", "standard", "compressed"})
  void aBatchIsTheSumOfItsSentences(String kind) {
    try (Setting setting = Setting.small(kind, LOGITS)) {
      int tokens = setting.targets.stream().mapToInt(target -> target.length).sum();
      double whole = setting.step(Pass.EVALUATION) * tokens;
      Map<String, float[]> want = setting.all(Parameter::gradient);
      Map<String, double[]> sums = new LinkedHashMap<>();
      double sum = 0;
      for (int b = 0; b < setting.sources.size(); b++) {
        int own = setting.targets.get(b).length;
        sum += setting.step(b, b + 1, Pass.EVALUATION) * own;
        setting
            .all(Parameter::gradient)
            .forEach(
                (name, gradient) -> {
                  double[] total = sums.computeIfAbsent(name, n -> new double[gradient.length]);
                  for (int i = 0; i < gradient.length; i++) {
                    total[i] += (double) gradient[i] * own / tokens;
                  }
                });
      }
      assertEquals(whole, sum, 1e-5 * whole);
      want.forEach(
          (name, gradient) -> {
            double norm = 0;
            double difference = 0;
            for (int i = 0; i < gradient.length; i++) {
              norm += gradient[i] * gradient[i];
              difference += Math.pow(gradient[i] - sums.get(name)[i], 2);
            }
            assertTrue(
                Math.sqrt(difference) <= 1e-5 * Math.sqrt(norm) + 1e-6 * Math.sqrt(gradient.length),
                name + ": difference " + Math.sqrt(difference) + " of " + Math.sqrt(norm));
          });
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"pet", "compressed"})
  void numberOfThreadsChangesNoBit(String kind) {
    // Rows and columns enough that every kernel has several chunks to share.
    TransformerModels models = new TransformerModels(600, 700, 0.1);
    boolean pet = kind.equals("pet");
    TransformerConfig config = pet ? models.pet(128) : models.compressed(128, 2);
    int[] lengths = {40, 33, 7, 21, 40, 1, 16, 38, 40, 40, 39, 12, 40, 40, 35, 40};
    Map<String, float[]> values = null;
    double[] losses = null;
    for (int threads = 1; threads <= 2; threads++) {
      try (Setting setting =
          new Setting(
              config, models.tinyTeacher(128), pet ? ALL : LOGITS, lengths, lengths, threads)) {
        setting.student.initialise(3);
        Optimizer optimizer =
            Optimizer.adamWOfAll(
                setting.compute,
                setting.student.parameters(),
                new AdamW.Spec(0.9, 0.98, 1e-8, 1e-4),
                5e-4,
                Schedule.CONSTANT);
        double[] found = new double[3];
        for (int step = 0; step < found.length; step++) {
          found[step] = setting.step(new Pass(0.1, 42, step));
          optimizer.step();
        }
        if (threads == 1) {
          values = setting.all(Parameter::value);
          losses = found;
          assertTrue(losses[0] > losses[2], "the loss falls");
        } else {
          assertArrayEquals(losses, found);
          assertEquals(values.keySet(), setting.all(Parameter::value).keySet());
          for (Map.Entry<String, float[]> entry : setting.all(Parameter::value).entrySet()) {
            assertArrayEquals(values.get(entry.getKey()), entry.getValue(), entry.getKey());
          }
        }
      }
    }
  }

  @Test
  void aTeacherThatDoesNotFitIsRefused() {
    TransformerModels models = new TransformerModels(23, 19, 0.3);
    TransformerModels others = new TransformerModels(23, 20, 0.3);
    assertRefused(
        "TranslationTraining: given no teacher, expected one for alpha 0.3 and beta 20.0",
        models.pet(16),
        null);
    assertRefused(
        "TranslationTraining: given a teacher with vocabularies of 23 and 20 tokens, expected the"
            + " student's, 23 and 19",
        models.pet(16),
        others.tinyTeacher(16));
    assertRefused(
        "PatienceLoss: given a teacher of widths 32 and 32, expected the student's, 16 and 12",
        models.pet(16),
        models.teacher(32));
    assertRefused(
        "PatienceMapping: given 4 layers of a student and 3 of a teacher, expected at least 2, and"
            + " as many or more of the teacher",
        models.pet(16),
        models.unshared(16, 3));
  }

  private static void assertRefused(
      String message, TransformerConfig config, TransformerConfig teacherConfig) {
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Transformer student = new Transformer(compute, config);
      Transformer teacher = teacherConfig == null ? null : new Transformer(compute, teacherConfig);
      assertEquals(
          message,
          assertThrows(
                  IllegalArgumentException.class,
                  () -> new TranslationTraining(compute, student, teacher, ALL, Capacity.of(1, 4)))
              .getMessage());
    }
  }

  @Test
  void mappingsAreThoseOfThePaper() {
    List<PatienceMapping.Pair> skip = PatienceMapping.SKIP.pairs(4, 6);
    assertEquals(List.of(1, 2, 3), skip.stream().map(PatienceMapping.Pair::student).toList());
    assertEquals(List.of(1, 3, 5), skip.stream().map(PatienceMapping.Pair::teacher).toList());
    List<PatienceMapping.Pair> last = PatienceMapping.LAST.pairs(4, 6);
    assertEquals(List.of(3, 4, 5), last.stream().map(PatienceMapping.Pair::teacher).toList());
    assertEquals(List.of(new PatienceMapping.Pair(1, 3)), PatienceMapping.SKIP.pairs(2, 6));
    assertEquals(List.of(new PatienceMapping.Pair(1, 5)), PatienceMapping.LAST.pairs(2, 6));
  }
}

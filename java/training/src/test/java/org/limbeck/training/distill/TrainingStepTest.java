// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.RandomBert;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;

/** What holds for a training step as a whole: randomness, threads, accumulation. */
class TrainingStepTest {
  private static final BertConfig SMALL = new BertConfig(2, 24, 3, 40, 50, 16, 2, 1e-12);

  /** 320 rows of 128 and 512 columns: every kernel has several chunks to share. */
  private static final BertConfig SPLIT = new BertConfig(2, 128, 4, 512, 600, 40, 2, 1e-12);

  private static final int[] LENGTHS = {9, 4, 1, 7};
  private static final int LENGTH = 9;

  /** A student, its teacher and a batch. */
  private static final class Setting implements AutoCloseable {
    final Limbeck limbeck;
    final Compute compute;
    final HostMemory host = new HostMemory();
    final BertClassifier student;
    final RandomBert.Tokens tokens;
    final TokenBatch batch;
    final Distillation distillation;

    Setting(
        BertConfig config,
        Quantization quantization,
        String losses,
        int[] lengths,
        int length,
        int threads) {
      limbeck = Limbeck.open(List.of(), threads);
      compute = new Compute(limbeck);
      BertClassifier teacher = new BertClassifier(compute, config, 3, Quantization.NONE);
      student = new BertClassifier(compute, config, 3, quantization);
      RandomBert.randomise(compute, teacher, 1);
      RandomBert.randomise(compute, student, 2);
      tokens = RandomBert.Tokens.random(lengths, length, config.vocabulary(), 3);
      batch = tokens.on(host);
      distillation =
          new Distillation(
              compute, student, teacher, LossConfiguration.parse(losses), lengths.length, length);
    }

    Setting(Quantization quantization) {
      this(SMALL, quantization, "map+output", LENGTHS, LENGTH, 1);
    }

    /** Returns the gradients of one step. */
    Map<String, float[]> gradients(Pass pass) {
      student.parameters().zeroGradients();
      distillation.step(batch, pass);
      return all(Parameter::gradient);
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
      distillation.close();
      host.close();
      compute.close();
      limbeck.close();
    }
  }

  private static void assertSameBits(Map<String, float[]> want, Map<String, float[]> got) {
    assertEquals(want.keySet(), got.keySet());
    want.forEach((name, values) -> assertTrue(sameBits(values, got.get(name)), name));
  }

  private static boolean sameBits(float[] a, float[] b) {
    // Unlike ==, it tells the zeros apart and takes NaN as equal to itself.
    return Arrays.equals(a, b);
  }

  /** Asserts that a vector is a multiple of another, but for rounding. */
  private static void assertClose(
      Map<String, float[]> want, double factor, Map<String, float[]> got) {
    want.forEach(
        (name, values) -> {
          double difference = 0;
          double norm = 0;
          for (int i = 0; i < values.length; i++) {
            double w = factor * values[i];
            difference += Math.pow(w - got.get(name)[i], 2);
            norm += w * w;
          }
          // The gradient of key biases is 0 but for rounding.
          double bound = 1e-5 * Math.sqrt(norm) + 1e-6 * Math.sqrt(values.length);
          assertTrue(
              Math.sqrt(difference) <= bound,
              name + ": difference " + Math.sqrt(difference) + " of " + Math.sqrt(norm));
        });
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void dropoutIsAFunctionOfSeedAndStep(boolean quantized) {
    try (Setting setting = new Setting(quantized ? Quantization.TERNARY : Quantization.NONE)) {
      Pass pass = new Pass(0.1, 42, 7);
      Map<String, float[]> first = setting.gradients(pass);
      Map<String, float[]> otherStep = setting.gradients(new Pass(0.1, 42, 8));
      Map<String, float[]> otherSeed = setting.gradients(new Pass(0.1, 43, 7));
      assertSameBits(first, setting.gradients(pass));
      for (String name : first.keySet()) {
        assertFalse(sameBits(first.get(name), otherStep.get(name)), name);
        assertFalse(sameBits(first.get(name), otherSeed.get(name)), name);
        assertFalse(sameBits(otherStep.get(name), otherSeed.get(name)), name);
      }
    }
  }

  @Test
  void withoutDropoutSeedAndStepDoNotMatter() {
    try (Setting setting = new Setting(Quantization.TERNARY)) {
      assertSameBits(setting.gradients(Pass.EVALUATION), setting.gradients(new Pass(0, 42, 7)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"map+output", "baseline+context+self_output", "map@5"})
  void numberOfThreadsChangesNoBit(String losses) {
    int[] lengths = {40, 33, 7, 21, 40, 1, 16, 38};
    Map<String, float[]> gradients = null;
    Map<String, float[]> values = null;
    double[] loss = null;
    for (int threads = 1; threads <= 3; threads++) {
      try (Setting setting =
          new Setting(SPLIT, Quantization.TERNARY, losses, lengths, 40, threads)) {
        Optimizer optimizer =
            Optimizer.bertAdam(
                setting.compute, setting.student.parameters(), 1e-3, Schedule.CONSTANT);
        double[] total = new double[2];
        for (int step = 0; step < total.length; step++) {
          setting.student.parameters().zeroGradients();
          total[step] = setting.distillation.step(setting.batch, new Pass(0.1, 42, step)).total();
          optimizer.step();
          setting.student.refreshWeights();
        }
        if (threads == 1) {
          gradients = setting.all(Parameter::gradient);
          values = setting.all(Parameter::value);
          loss = total;
          assertTrue(loss[0] > 0 && loss[0] != loss[1], Arrays.toString(loss));
        } else {
          assertArrayEquals(loss, total);
          assertSameBits(gradients, setting.all(Parameter::gradient));
          assertSameBits(values, setting.all(Parameter::value));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void gradientsAddUpOverSteps(boolean quantized) {
    try (Setting setting = new Setting(quantized ? Quantization.TERNARY : Quantization.NONE)) {
      Pass pass = new Pass(0.1, 42, 7);
      Map<String, float[]> once = setting.gradients(pass);
      setting.distillation.step(setting.batch, pass);
      assertClose(once, 2, setting.all(Parameter::gradient));
    }
  }

  /**
   * Every loss is a mean over the sequences of a batch, so halves of a batch give twice its mean.
   */
  @ParameterizedTest
  @ValueSource(strings = {"map+output", "baseline+context+self_output"})
  void halvesOfABatchAddUpToTwiceTheWhole(String losses) {
    try (Setting setting = new Setting(SMALL, Quantization.NONE, losses, LENGTHS, LENGTH, 1)) {
      Map<String, float[]> whole = setting.gradients(Pass.EVALUATION);
      setting.student.parameters().zeroGradients();
      for (int half = 0; half < 2; half++) {
        TokenBatch part = setting.tokens.sequences(2 * half, 2 * half + 2).on(setting.host);
        setting.distillation.step(part, Pass.EVALUATION);
      }
      assertClose(whole, 2, setting.all(Parameter::gradient));
    }
  }
}

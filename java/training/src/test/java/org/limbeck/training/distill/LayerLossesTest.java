// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.RandomBert;
import org.limbeck.training.bert.Tap;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;

/** Golden vectors 5 to 7 of the specification of QAT-KD, put into the activations of a network. */
class LayerLossesTest {
  private static final float MASK = -10_000;
  private static final float[] STUDENT_SCORES = {1, 0, MASK, 0.5f, -0.5f, MASK, 2, 1, MASK};
  private static final float[] TEACHER_SCORES = {0, 1, MASK, 0, 0, MASK, 0, 3, MASK};

  private final Limbeck limbeck = Limbeck.open();
  private final Compute compute = new Compute(limbeck);
  private final HostMemory host = new HostMemory();
  private BertClassifier network;
  private Activations student;
  private Activations teacher;

  @AfterEach
  void close() {
    host.close();
    compute.close();
    limbeck.close();
  }

  private void set(Matrix target, float... values) {
    Tensors.upload(compute.memory(), target, i -> values[(int) i]);
  }

  private float[] get(Matrix source) {
    return Tensors.download(compute.memory(), source);
  }

  /** Runs a forward of both networks, so that activations have their shapes. */
  private LayerLosses begin(String losses, int[] lengths, int length) {
    BertConfig config = new BertConfig(1, 4, 1, 8, 10, 8, 2, 1e-12);
    network = new BertClassifier(compute, config, 2, Quantization.NONE);
    RandomBert.randomise(compute, network, 1);
    TokenBatch batch = RandomBert.Tokens.random(lengths, length, 10, 2).on(host);
    student = network.newActivations(compute, lengths.length, length, true);
    teacher = network.newActivations(compute, lengths.length, length, false);
    network.forward(batch, student, Pass.EVALUATION);
    network.forward(batch, teacher, Pass.EVALUATION);
    LayerLosses layerLosses =
        new LayerLosses(compute, LossConfiguration.parse(losses), config, host);
    layerLosses.begin();
    return layerLosses;
  }

  private LossValues ofScores(String losses) {
    LayerLosses layerLosses = begin(losses, new int[] {2}, 3);
    set(student.tensor(Tap.SCORES, 0), STUDENT_SCORES);
    set(teacher.tensor(Tap.SCORES, 0), TEACHER_SCORES);
    layerLosses.layer(0, student, teacher);
    return layerLosses.read();
  }

  @Test
  void mapLossIsTheMeanOverRealRows() {
    assertEquals(0.2911158, ofScores("map").terms().get(LossTerm.MAP), 5e-8);
    // The gradient takes the place of the scores.
    assertArrayEquals(
        new float[] {0.2310586f, -0.2310586f, 0, 0.1155293f, -0.1155293f, 0, 0, 0, 0},
        get(student.tensor(Tap.SCORES, 0)),
        1e-7f);
  }

  @Test
  void factorAndTemperatureOfTheMapLoss() {
    assertEquals(0.5 * 0.2911158, ofScores("map*0.5").terms().get(LossTerm.MAP), 5e-8);
    assertEquals(0.5 * 0.2310586, get(student.tensor(Tap.SCORES, 0))[0], 1e-7);
    // Temperature 2, by hand: softmax of half the scores, rows 0 and 1.
    double want = (divergence(0, 0.5, 0.5, 0) + divergence(0, 0, 0.25, -0.25)) / 2;
    assertEquals(want, ofScores("map@2").terms().get(LossTerm.MAP), 5e-8);
    assertEquals(4 * want, ofScores("map@2^2").terms().get(LossTerm.MAP), 2e-7);
  }

  /** Returns KL(softmax(t) || softmax(s)) of two logits each. */
  private static double divergence(double t0, double t1, double s0, double s1) {
    double p = 1 / (1 + Math.exp(t1 - t0));
    double q = 1 / (1 + Math.exp(s1 - s0));
    return p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
  }

  @Test
  void scoreLossCountsPaddedRowsAndDividesByAllElements() {
    assertEquals(10.5 / 9, ofScores("baseline").terms().get(LossTerm.SCORE), 1e-7);
    float unit = 2f / 9;
    assertArrayEquals(
        new float[] {
          unit, -unit, 0, unit / 2, -unit / 2, 0, 2 * unit, -2 * unit, 0,
        },
        get(student.tensor(Tap.SCORES, 0)),
        1e-7f);
  }

  @Test
  void predictionLossIsTheMeanOverTheBatch() {
    LayerLosses layerLosses = begin("none", new int[] {3, 2}, 3);
    set(student.logits(), 1, -1, 0, 2);
    set(teacher.logits(), 2, 0, 1, 1);
    layerLosses.prediction(student, teacher);
    assertEquals(0.7461309, layerLosses.read().terms().get(LossTerm.PREDICTION), 1e-7);
    assertArrayEquals(
        new float[] {0, 0, -0.1903985f, 0.1903985f}, get(student.gradLogits()), 1e-7f);
  }

  /**
   * A full-precision student that is its teacher loses nothing, layer by layer, and learns nothing.
   */
  @ParameterizedTest
  @ValueSource(strings = {"map+output+context+self_output", "map@5+output", "baseline"})
  void identicalNetworksHaveNoLossAndNoGradient(String losses) {
    BertConfig config = new BertConfig(2, 24, 3, 40, 50, 16, 2, 1e-12);
    BertClassifier first = new BertClassifier(compute, config, 3, Quantization.NONE);
    BertClassifier second = new BertClassifier(compute, config, 3, Quantization.NONE);
    RandomBert.randomise(compute, first, 3);
    second.copyFrom(first);
    TokenBatch batch = RandomBert.Tokens.random(new int[] {9, 4, 1, 7}, 9, 50, 4).on(host);
    try (Distillation distillation =
        new Distillation(compute, second, first, LossConfiguration.parse(losses), 4, 9)) {
      LossValues values = distillation.step(batch, Pass.EVALUATION);
      values
          .terms()
          .forEach(
              (term, value) -> {
                if (term != LossTerm.PREDICTION) {
                  assertEquals(0, value, term.toString());
                }
              });
      // The soft cross entropy of equal logits is their entropy, and its gradient 0 but for
      // rounding.
      for (Parameter parameter : second.parameters().all()) {
        for (float g : get(parameter.gradient())) {
          assertEquals(0, g, 1e-6, parameter.name());
        }
      }
    }
  }
}

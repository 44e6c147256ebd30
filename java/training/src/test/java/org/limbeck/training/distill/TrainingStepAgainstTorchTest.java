// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.RandomBert;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;

/**
 * A whole training step, loss and the gradient of every parameter, against libtorch.
 *
 * <p>The bounds: in full precision the rounding of float32, 1e-4 of the gradient's norm. Quantized,
 * a value next to a rounding boundary may fall on its other side in float32: one step of 1/127 in
 * one activation, so 2e-2 of the norm; a wrong formula is off by more.
 */
class TrainingStepAgainstTorchTest {
  private static final BertConfig CONFIG = new BertConfig(2, 24, 3, 40, 50, 16, 2, 1e-12);
  private static final int LENGTH = 9;
  private static final int[] LENGTHS = {9, 4, 1, 7};

  @BeforeAll
  static void loadTorch() {
    Twins.assumeTorch();
  }

  @ParameterizedTest
  @CsvSource({
    "none, false, 3",
    "baseline, false, 2",
    "map, false, 2",
    "map+output, false, 3",
    "map@5, false, 2",
    "map@2^2*0.5+output*0.7, false, 2",
    "context+self_output, false, 2",
    "layers:2, false, 2",
    "map+output, false, 1",
    "none, true, 3",
    "baseline, true, 2",
    "map, true, 2",
    "map+output, true, 3",
    "context+self_output, true, 1",
    "layers:0.1, true, 2"
  })
  void lossAndGradientsAgree(String written, boolean quantized, int labels) {
    LossConfiguration losses = LossConfiguration.parse(written);
    Quantization quantization = quantized ? Quantization.TERNARY : Quantization.NONE;
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        HostMemory host = new HostMemory()) {
      BertClassifier teacher = new BertClassifier(compute, CONFIG, labels, Quantization.NONE);
      BertClassifier student = new BertClassifier(compute, CONFIG, labels, quantization);
      TorchBert torchTeacher = Twins.randomise(compute, teacher, 1, new TorchBert(CONFIG, false));
      TorchBert torchStudent =
          Twins.randomise(compute, student, 2, new TorchBert(CONFIG, quantized));
      RandomBert.Tokens tokens = RandomBert.Tokens.random(LENGTHS, LENGTH, CONFIG.vocabulary(), 7);
      try (Distillation distillation =
          new Distillation(compute, student, teacher, losses, LENGTHS.length, LENGTH)) {
        student.parameters().zeroGradients();
        LossValues values = distillation.step(tokens.on(host), Pass.EVALUATION);

        Twins.forward(torchTeacher, tokens);
        Twins.forward(torchStudent, tokens);
        Tensor loss = torchStudent.loss(torchTeacher, losses, LENGTHS, LENGTH);
        loss.backward();

        double bound = quantized ? 2e-2 : 1e-4;
        assertEquals(loss.item_double(), values.total(), bound * Math.abs(loss.item_double()));
        for (Parameter parameter : student.parameters().all()) {
          Twins.assertSameGradient(
              compute, parameter, torchStudent.parameters.get(parameter.name()), bound);
        }
      }
    }
  }
}

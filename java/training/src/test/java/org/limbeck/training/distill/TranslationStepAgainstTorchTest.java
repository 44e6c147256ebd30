// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.bytedeco.pytorch.global.torch.softmax;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.RandomTransformer;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TransformerConfig;
import org.limbeck.training.transformer.TranslationBuffers;

/**
 * A whole training step of a translation model, loss and the gradient of every parameter, against
 * libtorch in double precision. The bound is the rounding of float32: 1e-4 of the gradient's norm.
 */
class TranslationStepAgainstTorchTest {
  private static final ScalarTypeOptional SAME_TYPE = new ScalarTypeOptional();
  static final double BOUND = 1e-4;
  private static final int[] SOURCE_LENGTHS = {7, 3, 1, 5};
  private static final int[] TARGET_LENGTHS = {4, 6, 2, 1};

  @BeforeAll
  static void loadTorch() {
    Twins.assumeTorch();
  }

  @ParameterizedTest
  @CsvSource({
    "pet, 0, 10, 0, SKIP, ALL",
    "pet, 0.1, 10, 50, SKIP, ALL",
    "pet, 0.5, 2, 7, LAST, LAST",
    "standard, 0, 1, 0, SKIP, ALL",
    "standard, 1, 3, 0, SKIP, ALL",
    "compressed, 0, 1, 0, SKIP, ALL",
    "compressed, 0.3, 4, 0, SKIP, ALL",
    "first_tied, 0, 1, 0, SKIP, ALL",
    "swapped_decoder, 0.2, 1, 20, SKIP, ALL",
    "untied_embedding, 0.7, 5, 20, LAST, ALL"
  })
  void lossAndGradientsAgree(
      String kind,
      double alpha,
      double temperature,
      double beta,
      PatienceMapping mapping,
      PatiencePositions positions) {
    TranslationLosses losses =
        new TranslationLosses(alpha, temperature, beta, 0.1, mapping, positions);
    TransformerConfig config = RandomTransformer.config(kind);
    TransformerConfig teacherConfig = RandomTransformer.SMALL.tinyTeacher(16);
    Capacity capacity = Capacity.of(4, 7);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        TranslationBuffers buffers = new TranslationBuffers(compute.memory(), capacity)) {
      Transformer student = new Transformer(compute, config);
      Transformer teacher = new Transformer(compute, teacherConfig);
      RandomTransformer.randomise(compute, student, 1);
      RandomTransformer.randomise(compute, teacher, 2);
      List<int[]> sources =
          RandomTransformer.sentences(SOURCE_LENGTHS, config.sourceVocabulary(), 3);
      List<int[]> targets =
          RandomTransformer.sentences(TARGET_LENGTHS, config.targetVocabulary(), 4);
      try (TranslationTraining training =
          new TranslationTraining(compute, student, teacher, losses, capacity)) {
        TranslationLossValues values =
            training.step(buffers.fill(sources, targets), Pass.EVALUATION);

        TorchTransformer torchStudent = new TorchTransformer(compute, student);
        TorchTransformer torchTeacher = new TorchTransformer(compute, teacher);
        torchStudent.forward(sources, targets);
        torchTeacher.forward(sources, targets);
        Tensor loss = output(losses, torchStudent, torchTeacher, targets);
        assertEquals(loss.item_double(), values.output(), BOUND * Math.abs(loss.item_double()));
        if (beta > 0) {
          Tensor patience = patience(losses, torchStudent, torchTeacher, sources, targets);
          assertEquals(patience.item_double(), values.patience(), BOUND * patience.item_double());
          loss = loss.add(patience);
        }
        loss.backward();
        for (Parameter parameter : student.parameters().all()) {
          Twins.assertSameGradient(
              compute, parameter, torchStudent.parameters.get(parameter.name()), BOUND);
        }
      }
    }
  }

  private static Scalar number(double value) {
    return new Scalar(value);
  }

  private static Tensor output(
      TranslationLosses losses,
      TorchTransformer student,
      TorchTransformer teacher,
      List<int[]> targets) {
    long vocabulary = student.logits.size(2);
    double each = losses.labelSmoothing() / (vocabulary - 1);
    double t = losses.temperature();
    Tensor log = student.logits.log_softmax(2);
    Tensor soft = student.logits.div(number(t)).log_softmax(2);
    Tensor wanted = teacher.logits.detach().div(number(t));
    Tensor divergence = softmax(wanted, 2, SAME_TYPE).mul(wanted.log_softmax(2).sub(soft));
    Tensor total = null;
    int tokens = 0;
    for (int b = 0; b < targets.size(); b++) {
      for (int p = 0; p < targets.get(b).length; p++) {
        Tensor row = log.select(0, b).select(0, p);
        Tensor hard =
            row.select(0, targets.get(b)[p])
                .mul(number(-(1 - losses.labelSmoothing() - each)))
                .sub(row.sum().mul(number(each)));
        Tensor term =
            hard.mul(number(1 - losses.alpha()))
                .add(
                    divergence.select(0, b).select(0, p).sum().mul(number(losses.alpha() * t * t)));
        total = total == null ? term : total.add(term);
        tokens++;
      }
    }
    return total.div(number(tokens));
  }

  private static Tensor patience(
      TranslationLosses losses,
      TorchTransformer student,
      TorchTransformer teacher,
      List<int[]> sources,
      List<int[]> targets) {
    Tensor encoder = side(losses, student.encoderStates, teacher.encoderStates, sources);
    Tensor decoder = side(losses, student.decoderStates, teacher.decoderStates, targets);
    return encoder.add(decoder).mul(number(losses.beta() / 2));
  }

  private static Tensor side(
      TranslationLosses losses, List<Tensor> student, List<Tensor> teacher, List<int[]> sentences) {
    List<PatienceMapping.Pair> pairs =
        losses.mapping().pairs(student.size() - 1, teacher.size() - 1);
    Tensor total = null;
    long count = 0;
    for (PatienceMapping.Pair pair : pairs) {
      for (int b = 0; b < sentences.size(); b++) {
        int length = sentences.get(b).length;
        int first = losses.positions() == PatiencePositions.ALL ? 0 : length - 1;
        for (int p = first; p < length; p++) {
          Tensor u = normalised(student.get(pair.student()).select(0, b).select(0, p));
          Tensor v = normalised(teacher.get(pair.teacher()).detach().select(0, b).select(0, p));
          Tensor term = u.sub(v).pow(number(2)).sum();
          total = total == null ? term : total.add(term);
          count += u.size(0);
        }
      }
    }
    return total.div(number(count));
  }

  private static Tensor normalised(Tensor h) {
    return h.div(h.pow(number(2)).sum().sqrt());
  }
}

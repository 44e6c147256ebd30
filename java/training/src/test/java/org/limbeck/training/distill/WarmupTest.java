// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.bytedeco.pytorch.global.torch.log;
import static org.bytedeco.pytorch.global.torch.matmul;
import static org.bytedeco.pytorch.global.torch.stack;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.NormalVariates;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.transformer.Activations;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.RandomTransformer;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TransformerConfig;
import org.limbeck.training.transformer.TranslationBuffers;

/** The warm-up of PET: classes from a teacher, and the loss on them. */
class WarmupTest {
  private static final int[] SOURCE_LENGTHS = {7, 3, 1, 5};
  private static final int[] TARGET_LENGTHS = {4, 6, 2, 1};
  private static final Capacity CAPACITY = Capacity.of(4, 7);

  @Test
  void labelsTakeTwoBits() {
    WarmupLabels labels = new WarmupLabels(new int[] {3, 1, 5});
    int[][] want = {{0, 3, 2}, {1}, {3, 3, 0, 1, 2}};
    // Twice, so that what was there before does not shine through.
    for (int round = 0; round < 2; round++) {
      for (int pair = 0; pair < want.length; pair++) {
        for (int t = 0; t < want[pair].length; t++) {
          labels.set(pair, t, (want[pair][t] + round) % 4);
        }
      }
    }
    for (int pair = 0; pair < want.length; pair++) {
      assertEquals(want[pair].length, labels.length(pair));
      for (int t = 0; t < want[pair].length; t++) {
        assertEquals((want[pair][t] + 1) % 4, labels.get(pair, t));
      }
    }
    assertArrayEquals(new long[] {3, 2, 2, 2}, labels.counts());
    assertEquals(3, labels.toBytes().length);
    WarmupLabels copy = new WarmupLabels(new int[] {3, 1, 5});
    copy.takeBytes(labels.toBytes());
    assertArrayEquals(labels.counts(), copy.counts());
    assertEquals(labels.get(2, 4), copy.get(2, 4));
    assertEquals(
        "WarmupLabels: given 4 bytes, expected 3 for the target tokens of this corpus",
        assertThrows(IllegalArgumentException.class, () -> copy.takeBytes(new byte[4]))
            .getMessage());
    assertEquals(
        "WarmupLabels: given token 1 of pair 1, expected one of its 1",
        assertThrows(IllegalArgumentException.class, () -> copy.get(1, 1)).getMessage());
    assertThrows(IllegalArgumentException.class, () -> copy.set(0, 0, 4));
  }

  /** All four classes occur, and are those that the probabilities of each token alone give. */
  @Test
  void classesAreThoseOfTheTeachersProbabilities() {
    TransformerConfig config = RandomTransformer.SMALL.tinyTeacher(16);
    int[] lengths = IntStream.range(0, 60).map(i -> 1 + i % 9).toArray();
    Capacity capacity = Capacity.of(lengths.length, 9);
    double correct = 0.33;
    double wrong = 0.3;
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        TranslationBuffers buffers = new TranslationBuffers(compute.memory(), capacity)) {
      Transformer teacher = new Transformer(compute, config);
      RandomTransformer.randomise(compute, teacher, 2);
      List<int[]> sources = RandomTransformer.sentences(lengths, config.sourceVocabulary(), 3);
      List<int[]> targets = RandomTransformer.sentences(lengths, config.targetVocabulary(), 4);
      WarmupLabels labels = new WarmupLabels(lengths);
      try (WarmupLabeler labeler = new WarmupLabeler(compute, teacher, correct, wrong, capacity)) {
        // In two batches, the later pairs first.
        for (int half = 1; half >= 0; half--) {
          int from = half * 30;
          List<int[]> gold = targets.subList(from, from + 30);
          labeler.label(
              buffers.fill(sources.subList(from, from + 30), gold),
              IntStream.range(from, from + 30).toArray(),
              gold,
              labels);
        }
      }
      for (long count : labels.counts()) {
        assertTrue(count > 0, Arrays.toString(labels.counts()));
      }
      try (Activations a = teacher.newActivations(compute, capacity, false)) {
        for (int pair = 0; pair < lengths.length; pair++) {
          teacher.forward(
              buffers.fill(sources.subList(pair, pair + 1), targets.subList(pair, pair + 1)),
              a,
              Pass.EVALUATION);
          Matrix logits =
              compute.memory().matrix(DType.F32, lengths[pair], config.targetVocabulary());
          teacher.logits(a.decoded(), logits);
          float[] z = Tensors.download(compute.memory(), logits);
          for (int t = 0; t < lengths[pair]; t++) {
            int gold = targets.get(pair)[t];
            assertEquals(
                expected(z, t * config.targetVocabulary(), config, gold, correct, wrong),
                labels.get(pair, t));
          }
        }
      }
    }
  }

  private static int expected(
      float[] z, int at, TransformerConfig config, int gold, double correct, double wrong) {
    int best = 0;
    double sum = 0;
    for (int v = 0; v < config.targetVocabulary(); v++) {
      best = z[at + v] > z[at + best] ? v : best;
      sum += Math.exp(z[at + v]);
    }
    double confidence = Math.exp(z[at + best]) / sum;
    return best == gold ? (confidence > correct ? 0 : 1) : confidence > wrong ? 2 : 3;
  }

  /** Loss and gradients against libtorch, which differentiates the class probabilities. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void lossAndGradientsAgree(boolean fourWayHead) {
    Twins.assumeTorch();
    TransformerConfig config = RandomTransformer.config("pet");
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        TranslationBuffers buffers = new TranslationBuffers(compute.memory(), CAPACITY)) {
      Transformer student = new Transformer(compute, config);
      RandomTransformer.randomise(compute, student, 1);
      List<int[]> sources =
          RandomTransformer.sentences(SOURCE_LENGTHS, config.sourceVocabulary(), 3);
      List<int[]> targets =
          RandomTransformer.sentences(TARGET_LENGTHS, config.targetVocabulary(), 4);
      // The batch holds pairs 1 to 4 of a corpus of five.
      int[] pairs = {4, 1, 3, 2};
      WarmupLabels labels = new WarmupLabels(new int[] {5, 6, 1, 2, 4});
      for (int b = 0; b < pairs.length; b++) {
        for (int t = 0; t < TARGET_LENGTHS[b]; t++) {
          labels.set(pairs[b], t, (3 * b + t) % 4);
        }
      }
      try (WarmupTraining training =
          new WarmupTraining(compute, student, 0.1, fourWayHead, CAPACITY)) {
        for (Parameter parameter : training.headParameters().all()) {
          Tensors.upload(
              compute.memory(), parameter.value(), i -> (float) NormalVariates.at(8, 0, i));
        }
        double got = training.step(buffers.fill(sources, targets), pairs, labels, Pass.EVALUATION);

        TorchTransformer torch = new TorchTransformer(compute, student);
        torch.forward(sources, targets);
        Tensor loss = null;
        for (int b = 0; b < pairs.length; b++) {
          for (int t = 0; t < TARGET_LENGTHS[b]; t++) {
            Tensor logProbabilities =
                fourWayHead
                    ? head(compute, training, torch, b, t)
                    : mapped(torch.logits.select(0, b).select(0, t), targets.get(b)[t]);
            for (int label = 0; label < 4; label++) {
              double weight = label == labels.get(pairs[b], t) ? 0.9 : 0.1 / 3;
              Tensor term = logProbabilities.select(0, label).mul(new Scalar(-weight));
              loss = loss == null ? term : loss.add(term);
            }
          }
        }
        loss = loss.div(new Scalar(Arrays.stream(TARGET_LENGTHS).sum()));
        assertEquals(loss.item_double(), got, 1e-4 * loss.item_double());
        loss.backward();
        for (Parameter parameter : student.parameters().all()) {
          Twins.assertSameGradient(
              compute,
              parameter,
              torch.parameters.get(parameter.name()),
              TranslationStepAgainstTorchTest.BOUND);
        }
      }
    }
  }

  /** The logarithms of the four classes' probabilities, from logits of the vocabulary. */
  private static Tensor mapped(Tensor z, int gold) {
    Tensor p = z.softmax(0);
    Tensor confident = p.max();
    Tensor correct = p.select(0, gold);
    Tensor one = confident.detach().mul(new Scalar(0)).add(new Scalar(1));
    Tensor other = one.sub(confident);
    Tensor wrong = one.sub(correct);
    return log(
        stack(
            new TensorVector(
                confident.mul(correct),
                other.mul(correct),
                confident.mul(wrong),
                other.mul(wrong))));
  }

  private static Tensor head(
      Compute compute, WarmupTraining training, TorchTransformer torch, int b, int t) {
    Tensor decoded = torch.decoderStates.get(torch.decoderStates.size() - 1);
    double[][] values = new double[2][];
    int which = 0;
    for (Parameter parameter : training.headParameters().all()) {
      float[] narrow = Tensors.download(compute.memory(), parameter.value());
      values[which++] = IntStream.range(0, narrow.length).mapToDouble(i -> narrow[i]).toArray();
    }
    Tensor weight = Tensor.create(values[0], 4, decoded.size(2));
    return matmul(weight, decoded.select(0, b).select(0, t))
        .add(Tensor.create(values[1], 4))
        .log_softmax(0);
  }
}

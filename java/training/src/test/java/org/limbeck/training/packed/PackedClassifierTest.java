// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.packed;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.RandomBert;
import org.limbeck.training.bert.RandomBert.Tokens;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.nn.Weight;

/** A packed network against the one that it was made from. */
class PackedClassifierTest {
  private static final BertConfig CONFIG = new BertConfig(2, 24, 3, 40, 30, 12, 2, 1e-12);
  private static final int LABELS = 3;
  private static final int BATCH = 4;

  private final HostMemory host = new HostMemory();
  private Limbeck limbeck;
  private Compute compute;
  private BertClassifier trained;
  private PackedModel model;

  @BeforeEach
  void make() {
    limbeck = Limbeck.open(List.of(), 2);
    compute = new Compute(limbeck);
    trained = new BertClassifier(compute, CONFIG, LABELS, Quantization.TERNARY);
    RandomBert.randomise(compute, trained, 5);
    model = pack(trained);
  }

  @AfterEach
  void close() {
    compute.close();
    limbeck.close();
    host.close();
  }

  private PackedModel pack(BertClassifier network) {
    return PackedModel.of(
        compute, network, "tiny", "rte", new PretrainedModel.WordPieceList("[PAD]\n"), host);
  }

  private float[] packedLogits(Activations activations, TokenBatch batch) {
    PackedClassifier packed =
        new PackedClassifier(compute, model, activations, BATCH, CONFIG.positions());
    return packed.forward(batch).toFloatArray();
  }

  private float[] trainedLogits(TokenBatch batch) {
    var activations = trained.newActivations(compute, BATCH, CONFIG.positions(), false);
    trained.forward(batch, activations, Pass.EVALUATION);
    return activations.logits().toFloatArray();
  }

  private TokenBatch batch(long seed, int... lengths) {
    int longest = 0;
    for (int length : lengths) {
      longest = Math.max(longest, length);
    }
    return Tokens.random(lengths, longest, CONFIG.vocabulary(), seed).on(host);
  }

  private static int[] classes(float[] logits) {
    int[] classes = new int[logits.length / LABELS];
    for (int i = 0; i < classes.length; i++) {
      for (int c = 1; c < LABELS; c++) {
        if (logits[i * LABELS + c] > logits[i * LABELS + classes[i]]) {
          classes[i] = c;
        }
      }
    }
    return classes;
  }

  @Test
  void packedValuesAreThoseOfTheQuantizers() {
    for (Weight weight : trained.weights()) {
      PackedWeight packed = model.ternary().get(weight.latent().name());
      for (long r = 0; r < packed.codes().rows(); r++) {
        float scale = packed.scale().getFloat(0, packed.scale().cols() == 1 ? 0 : r);
        for (long c = 0; c < packed.codes().cols(); c++) {
          assertEquals(
              weight.effective().getFloat(r, c),
              scale * packed.codes().weight(r, c),
              weight.latent().name());
        }
      }
    }
    assertEquals(trained.weights().size(), model.ternary().size());
    assertEquals(trained.parameters().all().size(), model.ternary().size() + model.full().size());
  }

  /** Only the order of roundings differs, which may bring a value to a quantizer's next step. */
  @Test
  void withTheActivationsOfTrainingPredictionsAreThoseOfTraining() {
    for (int seed = 0; seed < 8; seed++) {
      TokenBatch batch = batch(seed, 12, 7, 3, 9);
      float[] want = trainedLogits(batch);
      float[] got = packedLogits(Activations.F32, batch);
      assertArrayEquals(classes(want), classes(got), "seed " + seed);
      assertArrayEquals(want, got, 0.02f, "seed " + seed);
    }
  }

  /** A tensor of one row has the same quantizer by tensor and by row. */
  @Test
  void int8ActivationsOfOneRowAreThoseOfTraining() {
    for (int seed = 0; seed < 8; seed++) {
      TokenBatch batch = batch(seed, 1);
      assertArrayEquals(
          trainedLogits(batch), packedLogits(Activations.I8_ROW, batch), 0.02f, "seed " + seed);
    }
  }

  @Test
  void int8ActivationsByRowStayNearThoseOfTraining() {
    double square = 0;
    double difference = 0;
    for (int seed = 0; seed < 8; seed++) {
      TokenBatch batch = batch(seed, 12, 7, 3, 9);
      float[] want = trainedLogits(batch);
      float[] got = packedLogits(Activations.I8_ROW, batch);
      for (int i = 0; i < want.length; i++) {
        square += want[i] * want[i];
        difference += (got[i] - want[i]) * (got[i] - want[i]);
      }
    }
    // Half steps of a 127th of each row's largest value, through two layers of 24 columns, where
    // few roundings average out: 3 % of the logits.
    assertTrue(difference < 0.05 * 0.05 * square, difference + " of " + square);
    assertNotEquals(0, difference);
  }

  @Test
  void bitsDoNotDependOnThreads() {
    TokenBatch batch = batch(3, 12, 7, 3, 9);
    for (Activations activations : Activations.values()) {
      float[] two = packedLogits(activations, batch);
      try (Limbeck other = Limbeck.open(List.of(), 3);
          Compute own = new Compute(other)) {
        PackedClassifier packed = new PackedClassifier(own, model, activations, BATCH, 12);
        assertArrayEquals(two, packed.forward(batch).toFloatArray(), 0);
        // A smaller batch in between leaves nothing behind.
        packed.forward(batch(4, 2, 5));
        assertArrayEquals(two, packed.forward(batch).toFloatArray(), 0);
      }
    }
  }

  @Test
  void onlyWhatDiffersFromFullPrecisionTakesLess() {
    long rest = model.full().values().stream().mapToLong(m -> 4 * m.elements()).sum();
    // One block of 64 bytes a row; scales of 30 words, 12 linear layers and the pooler.
    long rows = 30 + 2 * (4 * 24 + 40 + 24) + 24;
    assertEquals(rest + 64 * rows + 4 * (30 + 13), model.bytes());
  }

  @Test
  void misuseIsNamed() {
    refused("2 sequences of length 13", () -> packedLogits(Activations.F32, wide()));
    refused(
        "maxLength: given 13", () -> new PackedClassifier(compute, model, Activations.F32, 1, 13));
    refused("maxBatch", () -> new PackedClassifier(compute, model, Activations.F32, 0, 12));
    TokenBatch unknown = batch(1, 3);
    unknown.tokens().setLong(0, 1, CONFIG.vocabulary());
    refused("given 30 at position 1", () -> packedLogits(Activations.I8_ROW, unknown));
    BertClassifier full = new BertClassifier(compute, CONFIG, LABELS, Quantization.NONE);
    refused("expected a ternary one", () -> pack(full));
  }

  private TokenBatch wide() {
    return Tokens.random(new int[] {13, 2}, 13, CONFIG.vocabulary(), 1).on(host);
  }

  private static void refused(String message, Executable call) {
    Exception e = assertThrows(IllegalArgumentException.class, call);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.limbeck.training.transformer.SpecialTokens;

class TranslationBatchesTest {
  /** Pair i holds ids 10 + i, then EOS. */
  private static EncodedCorpus corpus(int[]... lengths) {
    List<int[]> sources = new ArrayList<>();
    List<int[]> targets = new ArrayList<>();
    for (int i = 0; i < lengths.length; i++) {
      sources.add(sentence(10 + i, lengths[i][0]));
      targets.add(sentence(10 + i, lengths[i][1]));
    }
    return new EncodedCorpus("x", sources, targets, new int[lengths.length], 0, 0);
  }

  private static int[] sentence(int id, int length) {
    int[] ids = new int[length];
    Arrays.fill(ids, id);
    ids[length - 1] = SpecialTokens.EOS;
    return ids;
  }

  private static EncodedCorpus random(int pairs) {
    Random random = new Random(3);
    int[][] lengths = new int[pairs][];
    for (int i = 0; i < pairs; i++) {
      lengths[i] = new int[] {2 + random.nextInt(30), 2 + random.nextInt(30)};
    }
    return corpus(lengths);
  }

  @Test
  void anEpochHasEachPairOnceWithinTheLimit() {
    EncodedCorpus corpus = random(2003);
    TranslationBatches batches = new TranslationBatches(corpus, 400, 42);
    int notEights = 0;
    List<String> orders = new ArrayList<>();
    for (int epoch = 0; epoch < 2; epoch++) {
      boolean[] seen = new boolean[corpus.size()];
      StringBuilder order = new StringBuilder();
      for (int step = 0; step < batches.steps(); step++) {
        PairBatch batch = batches.training((long) epoch * batches.steps() + step);
        assertTrue(batch.size() * batch.longest() <= 400);
        assertTrue(batch.size() <= batches.largest());
        assertTrue(batch.size() >= 400 / 31 / 8 * 8 || batch.size() < 8);
        notEights += batch.size() % 8 != 0 ? 1 : 0;
        int shortest = Integer.MAX_VALUE;
        int longest = 0;
        for (int i = 0; i < batch.size(); i++) {
          int pair = batch.pairs()[i];
          assertFalse(seen[pair]);
          seen[pair] = true;
          assertArrayEquals(corpus.sources().get(pair), batch.sources().get(i));
          assertArrayEquals(corpus.targets().get(pair), batch.targets().get(i));
          shortest = Math.min(shortest, batch.sources().get(i).length);
          longest = Math.max(longest, batch.sources().get(i).length);
        }
        assertTrue(longest - shortest <= 2, "sentences of like length");
        order.append(batch.pairs()[0]).append(' ');
      }
      for (boolean one : seen) {
        assertTrue(one);
      }
      orders.add(order.toString());
    }
    assertEquals(2, notEights, "the rest at the end, once an epoch");
    assertFalse(orders.get(0).equals(orders.get(1)), "an order of its own each epoch");
  }

  @Test
  void workedExampleOfTheCut() {
    // 19 pairs of length 4 within 40: 10 fit, 8 are taken, 2 go on; then 8 again, then 3 are left.
    int[][] lengths = new int[19][];
    Arrays.fill(lengths, new int[] {4, 3});
    TranslationBatches batches = new TranslationBatches(corpus(lengths), 40, 1);
    List<Integer> sizes = new ArrayList<>();
    for (int i = 0; i < batches.steps(); i++) {
      sizes.add(batches.training(i).size());
    }
    sizes.sort(null);
    assertEquals(List.of(3, 8, 8), sizes);
    // Fewer than 8 fit: all of them are taken.
    assertEquals(5, new TranslationBatches(corpus(lengths), 16, 1).steps());
  }

  @Test
  void aStepIsTheSameHoweverOneComesThere() {
    EncodedCorpus corpus = random(500);
    TranslationBatches straight = new TranslationBatches(corpus, 300, 7);
    for (int step = 0; step < 3 * straight.steps(); step++) {
      straight.training(step);
    }
    TranslationBatches resumed = new TranslationBatches(corpus, 300, 7);
    long step = 2L * straight.steps() + 3;
    assertArrayEquals(straight.training(step).pairs(), resumed.training(step).pairs());
    TranslationBatches other = new TranslationBatches(corpus, 300, 8);
    assertFalse(Arrays.equals(straight.training(0).pairs(), other.training(0).pairs()));
  }

  @Test
  void allBatchesHaveEachPairOnce() {
    EncodedCorpus corpus = random(101);
    int[] seen = new int[101];
    int tokens = 0;
    for (PairBatch batch : new TranslationBatches(corpus, 200, 1).all()) {
      tokens += batch.targetTokens();
      for (int pair : batch.pairs()) {
        seen[pair]++;
      }
    }
    assertTrue(Arrays.stream(seen).allMatch(count -> count == 1));
    assertEquals(corpus.targetTokens(), tokens);
  }

  @Test
  void refusesWhatDoesNotFit() {
    EncodedCorpus corpus = corpus(new int[] {4, 9});
    assertThrows(IllegalArgumentException.class, () -> new TranslationBatches(corpus, 8, 1));
    TranslationBatches batches = new TranslationBatches(corpus, 9, 1);
    assertThrows(IllegalArgumentException.class, () -> batches.training(-1));
  }
}

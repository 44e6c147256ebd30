// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.limbeck.training.data.Permutation;

/**
 * Cuts a corpus into batches of about equally many ids, of sentences of like length.
 *
 * <p>The pairs are shuffled, sorted by the length of the translation and then of the sentence
 * (stable, so that chance orders pairs of equal lengths), and cut where (pairs) * (longest sentence
 * or translation) would pass the limit; a batch that is cut has a multiple of 8 pairs where it has
 * 8 or more, the rest begins the next one. The batches stay the same from epoch to epoch; each
 * epoch has them in an order of its own.
 *
 * <p><b>Determinism.</b> A batch is a function of (corpus, limit, seed, step) alone, so that a run
 * can be taken up at any step.
 *
 * <p>Source: fairseq's {@code batch_by_size} and {@code LanguagePairDataset} ({@code pet.md} 3.2).
 */
public final class TranslationBatches {
  private static final int MULTIPLE = 8;

  private final EncodedCorpus corpus;
  private final long seed;
  private final List<int[]> batches;
  private int[] order;
  private long orderEpoch = -1;

  /**
   * Cuts a corpus.
   *
   * @param corpus the pairs
   * @param tokens the largest (pairs) * (longest sentence or translation) of a batch; fairseq's
   *     recipe for IWSLT'14 has 4,096
   * @param seed the seed of the shuffles
   * @throws IllegalArgumentException if a sentence is longer than {@code tokens}
   */
  public TranslationBatches(EncodedCorpus corpus, int tokens, long seed) {
    this.corpus = corpus;
    this.seed = seed;
    batches = cut(corpus, sorted(corpus, seed), tokens);
  }

  private static int[] sorted(EncodedCorpus corpus, long seed) {
    Comparator<Integer> bySource = Comparator.comparingInt(i -> corpus.sources().get(i).length);
    return Arrays.stream(Permutation.of(corpus.size(), seed, Permutation.EPOCH))
        .boxed()
        .sorted(bySource.thenComparingInt(i -> corpus.targets().get(i).length))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private static int length(EncodedCorpus corpus, int pair) {
    return Math.max(corpus.sources().get(pair).length, corpus.targets().get(pair).length);
  }

  private static List<int[]> cut(EncodedCorpus corpus, int[] order, int tokens) {
    List<int[]> batches = new ArrayList<>();
    int from = 0;
    int longest = 0;
    for (int i = 0; i < order.length; i++) {
      int length = length(corpus, order[i]);
      if (length > tokens) {
        throw new IllegalArgumentException(
            "TranslationBatches: tokens: given "
                + tokens
                + ", expected at least the length of the longest sentence, "
                + length);
      }
      longest = Math.max(longest, length);
      while ((long) (i - from + 1) * longest > tokens) {
        int full = i - from;
        int taken = Math.max(full / MULTIPLE * MULTIPLE, full % MULTIPLE);
        batches.add(Arrays.copyOfRange(order, from, from + taken));
        from += taken;
        longest = 0;
        for (int k = from; k <= i; k++) {
          longest = Math.max(longest, length(corpus, order[k]));
        }
      }
    }
    batches.add(Arrays.copyOfRange(order, from, order.length));
    return batches;
  }

  /** Returns the number of batches in an epoch. */
  public int steps() {
    return batches.size();
  }

  /** Returns the corpus. */
  public EncodedCorpus corpus() {
    return corpus;
  }

  /**
   * Returns the batch of a step of training.
   *
   * @param step the step, counted from 0 through all epochs
   * @return a new batch
   */
  public PairBatch training(long step) {
    return PairBatch.of(corpus, pairs(step));
  }

  private int[] pairs(long step) {
    if (step < 0) {
      throw new IllegalArgumentException(
          "TranslationBatches: step: given " + step + ", expected at least 0");
    }
    long epoch = step / steps();
    if (epoch != orderEpoch) {
      order = Permutation.of(steps(), seed, Permutation.BATCHES + epoch);
      orderEpoch = epoch;
    }
    return batches.get(order[(int) (step % steps())]);
  }

  /** Returns the greatest number of pairs in a batch. */
  public int largest() {
    return batches.stream().mapToInt(pairs -> pairs.length).max().orElseThrow();
  }

  /** Returns all batches once, in the order in which the corpus was cut. */
  public List<PairBatch> all() {
    return batches.stream().map(pairs -> PairBatch.of(corpus, pairs)).toList();
  }
}

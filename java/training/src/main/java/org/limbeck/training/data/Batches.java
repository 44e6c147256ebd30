// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/**
 * Makes batches of a split: shuffled each epoch to train, in a fixed order to evaluate.
 *
 * <p>Evaluation keeps the order of the split, or goes from the shortest example to the longest with
 * {@link Padding#GROUPED}. The order matters a little, since quantizers that scale a whole tensor
 * make predictions depend on the neighbours in a batch.
 *
 * <p>Its matrices are allocated once, for the largest batch, and filled again by each call: a batch
 * holds until the next one. Not thread-safe by design.
 *
 * <p><b>Determinism.</b> A training batch is a function of (split, seed, step) alone, so that a run
 * can be taken up at any step.
 */
public final class Batches {
  /**
   * How many batches of a shuffled epoch are sorted by length together: the more, the less padding,
   * and the less chance decides who shares a batch.
   */
  private static final int GROUP = 16;

  private final List<Encoded> encoded;
  private final float[] labels;
  private final int batchSize;
  private final int maximumLength;
  private final Padding padding;
  private final int pad;
  private final Matrix tokens;
  private final Matrix types;
  private final Matrix positions;
  private final Matrix lengths;
  private final int[] evaluationOrder;
  private int positionsLength;
  private int[] order;
  private long orderSeed;
  private long orderEpoch;

  /**
   * Allocates for a split.
   *
   * @param memory where the matrices come from
   * @param examples the examples, at least 1
   * @param encoded their word pieces, one an example, none longer than {@code maximumLength}
   * @param batchSize the sequences of a batch, at least 1; the last batch has what is left
   * @param maximumLength the longest sequence in word pieces
   * @param padding to which length a batch is padded
   * @param pad the number of [PAD]
   * @throws IllegalArgumentException if a count or length is not as described
   */
  public Batches(
      HostMemory memory,
      List<Example> examples,
      List<Encoded> encoded,
      int batchSize,
      int maximumLength,
      Padding padding,
      int pad) {
    if (examples.isEmpty() || examples.size() != encoded.size()) {
      throw bad(
          "encoded",
          encoded.size() + " for " + examples.size() + " examples",
          "one an example, at least 1");
    }
    if (batchSize < 1) {
      throw bad("batchSize", batchSize, "at least 1");
    }
    this.encoded = List.copyOf(encoded);
    labels = new float[examples.size()];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = examples.get(i).label();
      if (encoded.get(i).length() > maximumLength) {
        throw bad(
            "encoded",
            encoded.get(i).length() + " word pieces in example " + i,
            "at most maximumLength = " + maximumLength);
      }
    }
    this.batchSize = Math.min(batchSize, labels.length);
    this.maximumLength = maximumLength;
    this.padding = padding;
    this.pad = pad;
    long largest = (long) this.batchSize * maximumLength;
    tokens = memory.vector(DType.I64, largest);
    types = memory.vector(DType.I64, largest);
    positions = memory.vector(DType.I64, largest);
    lengths = memory.vector(DType.I32, this.batchSize);
    evaluationOrder = new int[labels.length];
    Arrays.setAll(evaluationOrder, i -> i);
    if (padding == Padding.GROUPED) {
      sortByLength(evaluationOrder, 0, labels.length);
    }
  }

  private static IllegalArgumentException bad(String what, Object given, String expected) {
    return new IllegalArgumentException(
        "Batches: " + what + ": given " + given + ", expected " + expected);
  }

  /** Returns the number of examples. */
  public int examples() {
    return labels.length;
  }

  /** Returns the number of batches in an epoch, and in an evaluation. */
  public int steps() {
    return (labels.length + batchSize - 1) / batchSize;
  }

  /**
   * Fills the batch of a step of training.
   *
   * @param seed the seed of the shuffles
   * @param step the step, counted from 0 through all epochs; step {@link #steps} begins the second
   *     epoch with a new order
   * @return the batch, valid until the next call
   */
  public Batch training(long seed, long step) {
    if (step < 0) {
      throw bad("step", step, "at least 0");
    }
    long epoch = step / steps();
    if (order == null || seed != orderSeed || epoch != orderEpoch) {
      order = Permutation.of(labels.length, seed, Permutation.EPOCH + epoch);
      if (padding == Padding.GROUPED) {
        order = grouped(order, seed, epoch);
      }
      orderSeed = seed;
      orderEpoch = epoch;
    }
    int from = (int) (step % steps()) * batchSize;
    return fill(Arrays.copyOfRange(order, from, Math.min(from + batchSize, labels.length)));
  }

  /**
   * Sorts each stretch of a shuffled order by length and mixes the batches that this makes. The
   * examples of an incomplete last batch stay where the shuffle put them.
   */
  private int[] grouped(int[] shuffled, long seed, long epoch) {
    int whole = labels.length / batchSize;
    int[] sorted = shuffled.clone();
    for (int from = 0; from < whole; from += GROUP) {
      int to = Math.min(whole, from + GROUP);
      sortByLength(sorted, from * batchSize, to * batchSize);
    }
    int[] places = Permutation.of(whole, seed, Permutation.BATCHES + epoch);
    int[] mixed = sorted.clone();
    for (int i = 0; i < whole; i++) {
      System.arraycopy(sorted, places[i] * batchSize, mixed, i * batchSize, batchSize);
    }
    return mixed;
  }

  /** Sorts examples from the shortest to the longest; equally long ones keep their order. */
  private void sortByLength(int[] examples, int from, int to) {
    int[] sorted =
        Arrays.stream(examples, from, to)
            .boxed()
            .sorted(Comparator.comparingInt(example -> encoded.get(example).length()))
            .mapToInt(Integer::intValue)
            .toArray();
    System.arraycopy(sorted, 0, examples, from, sorted.length);
  }

  /**
   * Fills a batch of an evaluation.
   *
   * @param index which batch, from 0 to {@link #steps} - 1
   * @return the batch, valid until the next call
   */
  public Batch evaluation(int index) {
    if (index < 0 || index >= steps()) {
      throw bad("index", index, "0 to " + (steps() - 1));
    }
    int from = index * batchSize;
    return fill(
        Arrays.copyOfRange(evaluationOrder, from, Math.min(from + batchSize, labels.length)));
  }

  private Batch fill(int[] chosen) {
    int longest = 0;
    for (int example : chosen) {
      longest = Math.max(longest, encoded.get(example).length());
    }
    int length = padding.length(longest, maximumLength);
    MemorySegment tokenSegment = tokens.segment();
    MemorySegment typeSegment = types.segment();
    float[] chosenLabels = new float[chosen.length];
    for (int i = 0; i < chosen.length; i++) {
      Encoded sequence = encoded.get(chosen[i]);
      long row = (long) i * length;
      for (int k = 0; k < length; k++) {
        boolean real = k < sequence.length();
        tokenSegment.setAtIndex(ValueLayout.JAVA_LONG, row + k, real ? sequence.ids()[k] : pad);
        typeSegment.setAtIndex(ValueLayout.JAVA_LONG, row + k, real ? sequence.types()[k] : 0);
      }
      lengths.setInt(0, i, sequence.length());
      chosenLabels[i] = labels[chosen[i]];
    }
    fillPositions(length);
    long rows = (long) chosen.length * length;
    return new Batch(
        chosen.length,
        length,
        tokens.columns(0, rows),
        types.columns(0, rows),
        positions.columns(0, rows),
        lengths.columns(0, chosen.length),
        chosenLabels,
        chosen);
  }

  private void fillPositions(int length) {
    if (length != positionsLength) {
      MemorySegment segment = positions.segment();
      for (int i = 0; i < batchSize * length; i++) {
        segment.setAtIndex(ValueLayout.JAVA_LONG, i, i % length);
      }
      positionsLength = length;
    }
  }
}

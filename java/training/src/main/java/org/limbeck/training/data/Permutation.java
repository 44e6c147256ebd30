// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import org.limbeck.kernels.random.Philox;

/**
 * Shuffles by counter-based random numbers: the order is a function of (size, seed, stream) alone.
 */
public final class Permutation {
  /** The streams of the epochs: this number plus the epoch. Dropout counts its streams from 0. */
  public static final long EPOCH = 0x5348_5546L << 32;

  /** The streams that mix an epoch's batches of like length: this number plus the epoch. */
  public static final long BATCHES = 0x4241_5443L << 32;

  /** The stream that chooses a subset to train on. */
  public static final long SUBSET = 0x5355_4253L << 32;

  private Permutation() {}

  /**
   * Returns the numbers 0 to size - 1 in the order of a Fisher-Yates shuffle.
   *
   * <p>A place is drawn as the upper half of a 32-bit word times the number of places, which
   * favours none by more than size / 2^32.
   *
   * @param size how many numbers
   * @param seed the seed
   * @param stream the stream of random numbers
   * @return each number once
   */
  public static int[] of(int size, long seed, long stream) {
    int[] order = new int[size];
    for (int i = 0; i < size; i++) {
      order[i] = i;
    }
    for (int i = 0; i < size - 1; i++) {
      long word = Integer.toUnsignedLong(Philox.word(seed, stream, i, 0));
      int j = i + (int) ((word * (size - i)) >>> 32);
      int swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
    }
    return order;
  }
}

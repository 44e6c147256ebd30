// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

/**
 * The largest batch that memory is made for.
 *
 * @param sentences the largest number of sentences B
 * @param length the greatest padded length of either side, at most {@link #MAX_LENGTH}
 * @param rows the largest number of positions of either side, padding included: B * S and B * T
 */
public record Capacity(int sentences, int length, long rows) {
  /** The longest sequence, end of sentence included: the rows of the position table. */
  public static final int MAX_LENGTH = 1024;

  /** Checks the sizes. */
  public Capacity {
    if (sentences < 1 || length < 1 || rows < 1) {
      throw new IllegalArgumentException(
          "Capacity: given "
              + sentences
              + " sentences of length "
              + length
              + " in "
              + rows
              + " rows, expected at least 1 of each");
    }
    if (length > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "Capacity: length: given " + length + ", expected at most " + MAX_LENGTH);
    }
  }

  /**
   * Returns the capacity for any batch of some sentences of some length.
   *
   * @param sentences the largest number of sentences
   * @param length the greatest length
   */
  public static Capacity of(int sentences, int length) {
    return new Capacity(sentences, length, (long) sentences * length);
  }

  /** Checks that a batch fits. */
  void check(SequenceBatch batch) {
    if (batch.batch() > sentences || batch.length() > length || batch.rows() > rows) {
      throw new IllegalArgumentException(
          "Capacity: given a batch of "
              + batch.batch()
              + " sentences of length "
              + batch.length()
              + ", expected at most "
              + sentences
              + " sentences, length "
              + length
              + " and "
              + rows
              + " rows");
    }
  }
}

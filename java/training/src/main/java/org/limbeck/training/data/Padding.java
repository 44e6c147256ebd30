// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

/** To which length the sequences of a batch are padded. */
public enum Padding {
  /**
   * Always the task's maximum, as in the paper: losses that count padded positions keep their size
   * from batch to batch.
   */
  MAXIMUM,
  /** The longest sequence of the batch, rounded up to a multiple of 8, at most the maximum. */
  LONGEST,
  /**
   * As {@link #LONGEST}, with batches made of examples of like length, so that little is padding.
   * Each epoch still has each example once, in batches and an order of its own.
   */
  GROUPED;

  private static final int MULTIPLE = 8;

  int length(int longest, int maximum) {
    return this == MAXIMUM
        ? maximum
        : Math.min(maximum, (longest + MULTIPLE - 1) / MULTIPLE * MULTIPLE);
  }
}

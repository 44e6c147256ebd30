// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Slot;

/**
 * Keys and values of the source sentences for cross-attention. They depend on the encoder's output
 * and the block alone, so that all executions of a block share them.
 */
final class SourceKeys {
  private final Compute compute;
  private final Spare spare;
  private Slot key;
  private Slot value;
  private boolean filled;

  /**
   * Allocates.
   *
   * @param spare a slot of the same capacity
   * @param capacity the largest number of elements of either
   */
  SourceKeys(Compute compute, Spare spare, long capacity) {
    this.compute = compute;
    this.spare = spare;
    key = new Slot(compute.memory(), capacity);
    value = new Slot(compute.memory(), capacity);
  }

  boolean isFilled() {
    return filled;
  }

  void clear() {
    filled = false;
  }

  /** Computes both from the encoder's output, F32 [B * S, any]. */
  void fill(AttentionSubLayer cross, Matrix memory, int width) {
    cross.projectKeys(memory, key.view(memory.rows(), width), value.view(memory.rows(), width));
    filled = true;
  }

  Matrix key() {
    return key.view();
  }

  Matrix value() {
    return value.view();
  }

  /**
   * Keeps some of the sentences.
   *
   * @param sentences which, I64 [1, kept]
   * @param length the length S of each
   */
  void keep(Matrix sentences, int length) {
    if (filled) {
      key = keep(key, sentences, length);
      value = keep(value, sentences, length);
    }
  }

  private Slot keep(Slot slot, Matrix sentences, int length) {
    Matrix from = slot.view();
    long width = from.cols();
    long kept = sentences.cols();
    Slot to = spare.take();
    Gather.rows(
        compute,
        from.reshape(from.rows() / length, length * width),
        sentences,
        to.view(kept, length * width));
    to.view(kept * length, width);
    spare.give(slot);
    return to;
  }
}

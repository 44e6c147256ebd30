// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Memory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.Slot;

/** The activations of one layer at a time, for one position of every hypothesis. */
final class DecodingWorkspace {
  final Slot query;
  final Slot scores;
  final Slot maps;
  final Slot context;
  final Slot sum;
  final Normalisation.Saved norm;
  final Slot first;
  final Slot second;

  /** The residual stream, and where the next layer's goes. */
  final Slot[] stream;

  private final Compute compute;
  private final Capacity hypotheses;
  private FeedForwardSubLayer.Saved wide;

  /**
   * Allocates.
   *
   * @param count the largest number of hypotheses
   * @param keyRows the largest number of keys of all of them
   */
  DecodingWorkspace(Compute compute, Stack stack, int count, long keyRows) {
    this.compute = compute;
    hypotheses = Capacity.of(count, 1);
    Memory memory = compute.memory();
    long narrow = (long) count * stack.width();
    long inner = (long) count * Math.max(stack.width(), stack.feedForward());
    long map = keyRows * stack.heads();
    query = new Slot(memory, narrow);
    scores = new Slot(memory, map);
    maps = new Slot(memory, map);
    context = new Slot(memory, inner);
    sum = new Slot(memory, narrow);
    norm = new Normalisation.Saved(compute, count);
    first = new Slot(memory, narrow);
    second = new Slot(memory, inner);
    stream = new Slot[] {new Slot(memory, narrow), new Slot(memory, narrow)};
  }

  /** Returns what a feed-forward layer writes: one object for all layers. */
  FeedForwardSubLayer.Saved wide(Stack stack) {
    if (wide == null) {
      wide = new FeedForwardSubLayer.Saved(compute, stack, hypotheses);
    }
    return wide;
  }
}

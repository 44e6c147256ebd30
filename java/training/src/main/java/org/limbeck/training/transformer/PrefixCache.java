// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Slot;

/**
 * Keys, or values, of every hypothesis: some fixed positions, then those of its prefix, with room
 * up to the pitch of the state. What lies between the prefix and the pitch is finite, and masked.
 */
final class PrefixCache {
  private final Compute compute;
  private final Spare spare;
  private final int width;
  private int fixed;
  private Slot slot;

  /**
   * Allocates.
   *
   * @param spare a slot of the same capacity
   * @param width the columns d of a position
   * @param capacity the largest number of elements
   */
  PrefixCache(Compute compute, Spare spare, int width, long capacity) {
    this.compute = compute;
    this.spare = spare;
    this.width = width;
    slot = new Slot(compute.memory(), capacity);
  }

  /**
   * Starts with empty prefixes.
   *
   * @param positions the number of fixed positions of each hypothesis
   */
  void begin(int positions) {
    fixed = positions;
  }

  private Matrix hypotheses(int count, int pitch) {
    return slot.view(count, (long) (fixed + pitch) * width);
  }

  /** Returns the fixed positions of every hypothesis, a view [hypotheses, fixed * d]. */
  Matrix fixed(DecodingState state) {
    return hypotheses(state.hypotheses(), state.pitch()).columns(0, (long) fixed * width);
  }

  /** Returns the place of the position at hand, a view [hypotheses, d]. */
  Matrix next(DecodingState state) {
    long at = (long) (fixed + state.prefix()) * width;
    return hypotheses(state.hypotheses(), state.pitch()).columns(at, at + width);
  }

  /** Returns all positions, F32 [hypotheses * (fixed + pitch), d]. */
  Matrix all(DecodingState state) {
    return hypotheses(state.hypotheses(), state.pitch())
        .reshape((long) state.hypotheses() * (fixed + state.pitch()), width);
  }

  /** Takes over the prefixes of other hypotheses. */
  void move(DecodingState.Move move) {
    long used = (long) (fixed + move.prefix()) * width;
    Matrix from = hypotheses(move.hypotheses(), move.pitch());
    Slot target = spare.take();
    int count = Math.toIntExact(move.parents().cols());
    Matrix to = target.view(count, (long) (fixed + move.newPitch()) * width);
    Gather.rows(compute, from.columns(0, used), move.parents(), to.columns(0, used));
    spare.give(slot);
    slot = target;
  }
}

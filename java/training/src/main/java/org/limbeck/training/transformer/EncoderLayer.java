// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;

/** One executed encoder layer: self-attention and feed-forward, by the parameters of its block. */
final class EncoderLayer {
  /** Uses of dropout in a layer. */
  static final int DROPOUT_SITES = 2;

  private final Stack stack;
  private final AttentionSubLayer attention;
  private final FeedForwardSubLayer feedForward;

  EncoderLayer(Stack stack, AttentionSubLayer attention, FeedForwardSubLayer feedForward) {
    this.stack = stack;
    this.attention = attention;
    this.feedForward = feedForward;
  }

  /** What a forward leaves for the backward. */
  static final class Saved {
    final AttentionSubLayer.Saved attention;
    final FeedForwardSubLayer.Saved feedForward;

    Saved(Compute compute, Stack stack, Capacity capacity) {
      attention = new AttentionSubLayer.Saved(compute, stack, capacity);
      feedForward = new FeedForwardSubLayer.Saved(compute, stack, capacity);
    }
  }

  Saved newSaved(Compute where, Capacity capacity) {
    return new Saved(where, stack, capacity);
  }

  void forward(Matrix x, Matrix y, SequenceBatch batch, Saved a, Scratch scratch, Pass pass) {
    Matrix between = attention.forward(x, batch, x, batch, a.attention, scratch, pass);
    feedForward.forward(between, y, a.feedForward, pass);
  }

  void backward(
      Matrix x, Matrix gradient, SequenceBatch batch, Saved a, Scratch scratch, Pass pass) {
    feedForward.backward(a.attention.output.view(), gradient, a.feedForward, scratch, pass);
    attention.backward(x, batch, x, batch, gradient, gradient, a.attention, scratch, pass);
  }
}

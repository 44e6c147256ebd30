// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;

/**
 * One executed decoder layer: causal self-attention, cross-attention and feed-forward, by the
 * parameters of its block.
 */
final class StandardDecoderLayer implements DecoderLayer<StandardDecoderLayer.Saved> {
  private final Stack stack;
  private final int block;
  private final AttentionSubLayer self;
  private final AttentionSubLayer cross;
  private final FeedForwardSubLayer feedForward;

  StandardDecoderLayer(
      Stack stack,
      int block,
      AttentionSubLayer self,
      AttentionSubLayer cross,
      FeedForwardSubLayer feedForward) {
    this.stack = stack;
    this.block = block;
    this.self = self;
    this.cross = cross;
    this.feedForward = feedForward;
  }

  /** What a forward leaves for the backward. */
  static final class Saved {
    final AttentionSubLayer.Saved self;
    final AttentionSubLayer.Saved cross;
    final FeedForwardSubLayer.Saved feedForward;

    Saved(Compute compute, Stack stack, Capacity capacity) {
      self = new AttentionSubLayer.Saved(compute, stack, capacity);
      cross = new AttentionSubLayer.Saved(compute, stack, capacity);
      feedForward = new FeedForwardSubLayer.Saved(compute, stack, capacity);
    }
  }

  @Override
  public Saved newSaved(Compute where, Capacity capacity) {
    return new Saved(where, stack, capacity);
  }

  @Override
  public void forward(Matrix x, Matrix y, DecoderPass p, Saved a, Scratch s) {
    SequenceBatch target = p.target();
    Matrix first = self.forward(x, target, x, target, a.self, s, p.pass());
    Matrix second = cross.forward(first, target, p.memory(), p.source(), a.cross, s, p.pass());
    feedForward.forward(second, y, a.feedForward, p.pass());
  }

  @Override
  public void backward(
      Matrix x, Matrix gradient, Matrix gradMemory, DecoderPass p, Saved a, Scratch s) {
    SequenceBatch target = p.target();
    feedForward.backward(a.cross.output.view(), gradient, a.feedForward, s, p.pass());
    cross.backward(
        a.self.output.view(),
        target,
        p.memory(),
        p.source(),
        gradient,
        gradMemory,
        a.cross,
        s,
        p.pass());
    self.backward(x, target, x, target, gradient, gradient, a.self, s, p.pass());
  }

  @Override
  public LayerCache newCache(DecodingState state) {
    return new Cache(state);
  }

  /** Keys and values of the prefix, for this layer; those of the source are the block's. */
  private final class Cache implements LayerCache {
    private final PrefixCache keys;
    private final PrefixCache values;
    private final FeedForwardSubLayer.Saved wide;

    Cache(DecodingState state) {
      keys = state.newPrefixCache(stack.width());
      values = state.newPrefixCache(stack.width());
      wide = state.workspace().wide(stack);
    }

    @Override
    public void begin(DecodingState state) {
      keys.begin(0);
      values.begin(0);
      SourceKeys source = state.sourceKeys(block);
      if (!source.isFilled()) {
        source.fill(cross, state.memory(), stack.width());
      }
    }

    @Override
    public void step(Matrix x, Matrix y, DecodingState state) {
      DecodingWorkspace w = state.workspace();
      Matrix query = w.query.view(x.rows(), x.cols());
      self.projectQueries(x, query);
      self.projectKeys(x, keys.next(state), values.next(state));
      AttentionShape prefix = new AttentionShape(x.rows(), stack.heads(), 1, state.pitch());
      self.attendToAll(
          prefix,
          state.prefixLengths(),
          query,
          keys.all(state),
          values.all(state),
          w.scores,
          w.maps,
          w.context);
      Matrix first = self.finish(x, w.context.view(), w.sum, w.norm, w.first, Pass.EVALUATION);

      SourceKeys source = state.sourceKeys(block);
      cross.projectQueries(first, query);
      // The hypotheses of a sentence are the queries of one example.
      AttentionShape sentence =
          new AttentionShape(state.sentences(), stack.heads(), state.beam(), state.sourceLength());
      cross.attendToAll(
          sentence,
          state.sourceLengths(),
          query,
          source.key(),
          source.value(),
          w.scores,
          w.maps,
          w.context);
      Matrix second =
          cross.finish(first, w.context.view(), w.sum, w.norm, w.second, Pass.EVALUATION);
      feedForward.forward(second, y, wide, Pass.EVALUATION);
    }

    @Override
    public void move(DecodingState.Move move) {
      keys.move(move);
      values.move(move);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Relu;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.DropoutLayer;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;

/**
 * The decoder layer of a compressed attention network. With N = norm(X): Q = linear(N), keys and
 * values are linear images of the encoder's output followed by those of N, A = softmax(Q K^T /
 * sqrt(width)) V over both at once; output = X + dropout(linear(dropout(relu(A +
 * linear(dropout(N)))))).
 *
 * <p>Source: Li et al., arXiv 2101.00542.
 */
final class CompressedSubLayer implements DecoderLayer<CompressedSubLayer.Saved> {
  private static final Relu.Spec RELU = new Relu.Spec();
  private static final Attention.Spec SPEC = Attention.Spec.DEFAULT;

  private final Compute compute;
  private final Stack stack;
  private final Parts parts;
  private final DropoutLayer inputDropout;
  private final DropoutLayer reluDropout;
  private final DropoutLayer outputDropout;

  /** The stored layers of a block. */
  record Parts(
      Normalisation norm,
      Linear query,
      Linear key,
      Linear value,
      Linear sourceKey,
      Linear sourceValue,
      Linear residual,
      Linear output) {}

  CompressedSubLayer(Compute compute, Stack stack, Parts parts, int dropoutSite) {
    this.compute = compute;
    this.stack = stack;
    this.parts = parts;
    inputDropout = new DropoutLayer(compute, dropoutSite);
    reluDropout = new DropoutLayer(compute, dropoutSite + 1);
    outputDropout = new DropoutLayer(compute, dropoutSite + 2);
  }

  /** What a forward leaves for the backward. */
  static final class Saved {
    private final Normalisation.Saved norm;
    private final Slot normed;
    private final Slot dropped;
    private final Slot query;
    private final Slot keys;
    private final Slot values;
    private final Slot maps;
    private final Slot activated;
    private final Slot used;

    Saved(Compute compute, Stack stack, Capacity capacity) {
      Memory memory = compute.memory();
      long rows = capacity.rows();
      long narrow = rows * stack.width();
      long wide = rows * stack.feedForward();
      norm = new Normalisation.Saved(compute, rows);
      normed = new Slot(memory, narrow);
      dropped = new Slot(memory, narrow);
      query = new Slot(memory, narrow);
      keys = new Slot(memory, 2 * narrow);
      values = new Slot(memory, 2 * wide);
      maps = new Slot(memory, rows * stack.heads() * 2 * capacity.length());
      activated = new Slot(memory, wide);
      used = new Slot(memory, wide);
    }
  }

  @Override
  public Saved newSaved(Compute where, Capacity capacity) {
    return new Saved(where, stack, capacity);
  }

  /** Returns the rows of a stretch of positions of each example: [batch, positions * width]. */
  private static Matrix stretch(Matrix joined, int batch, long from, long to) {
    long width = joined.cols();
    return joined.reshape(batch, joined.elements() / batch).columns(from * width, to * width);
  }

  /** Computes linear(x) into a stretch of positions of each example. */
  private void project(Linear linear, Matrix x, Matrix joined, int batch, long from, Slot part) {
    Matrix y = part.view(x.rows(), joined.cols());
    linear.forward(x, y);
    long positions = x.rows() / batch;
    compute
        .memory()
        .copy(
            y.reshape(batch, positions * y.cols()), stretch(joined, batch, from, from + positions));
  }

  private static AttentionShape shape(Stack stack, DecoderPass p) {
    int keys = p.source().length() + p.target().length();
    return new AttentionShape(p.source().batch(), stack.heads(), p.target().length(), keys);
  }

  @Override
  public void forward(Matrix x, Matrix y, DecoderPass p, Saved a, Scratch s) {
    AttentionShape shape = shape(stack, p);
    int batch = p.source().batch();
    long keyRows = shape.batch() * shape.keys();
    Matrix normed = a.normed.view(x.rows(), x.cols());
    parts.norm().forward(x, normed, a.norm);
    Matrix query = a.query.view(x.rows(), x.cols());
    parts.query().forward(normed, query);
    Matrix keys = a.keys.view(keyRows, stack.width());
    Matrix values = a.values.view(keyRows, stack.feedForward());
    int prefix = p.source().length();
    project(parts.sourceKey(), p.memory(), keys, batch, 0, s.narrow);
    project(parts.key(), normed, keys, batch, prefix, s.narrow);
    project(parts.sourceValue(), p.memory(), values, batch, 0, s.wide);
    project(parts.value(), normed, values, batch, prefix, s.wide);
    Matrix context = s.wide.view(x.rows(), stack.feedForward());
    attend(shape, p.mask(), query, keys, values, s.maps, a.maps, context);
    feedForward(x, normed, context, a.dropped, a.activated, a.used, y, p.pass());
  }

  private void attend(
      AttentionShape shape,
      Matrix mask,
      Matrix query,
      Matrix keys,
      Matrix values,
      Slot scores,
      Slot maps,
      Matrix context) {
    Matrix p = maps.view(shape.rows(), shape.keys());
    compute.attention(
        Attention.WEIGHTS,
        SPEC,
        new Attention.Weights(
            shape, query, keys, null, mask, scores.view(shape.rows(), shape.keys()), p));
    compute.attention(Attention.CONTEXT, SPEC, new Attention.Context(shape, p, values, context));
  }

  private void feedForward(
      Matrix x,
      Matrix normed,
      Matrix context,
      Slot droppedSlot,
      Slot activatedSlot,
      Slot usedSlot,
      Matrix y,
      Pass pass) {
    Matrix dropped = normed;
    if (pass.dropout() > 0) {
      dropped = droppedSlot.view(x.rows(), x.cols());
      inputDropout.forward(normed, null, dropped, pass);
    }
    Matrix activated = activatedSlot.view(x.rows(), stack.feedForward());
    parts.residual().forward(dropped, activated);
    compute.add(context, activated);
    compute.operation(Relu.FORWARD, RELU).run(new Elementwise.Forward(activated, activated));
    Matrix used = activated;
    if (pass.dropout() > 0) {
      used = usedSlot.view(x.rows(), stack.feedForward());
      reluDropout.forward(activated, null, used, pass);
    }
    parts.output().forward(used, y);
    outputDropout.forward(y, x, y, pass);
  }

  @Override
  public void backward(
      Matrix x, Matrix gradient, Matrix gradMemory, DecoderPass p, Saved a, Scratch s) {
    Pass pass = p.pass();
    boolean drops = pass.dropout() > 0;
    Matrix activated = a.activated.view();
    Matrix gradOutput = s.narrow.view(x.rows(), x.cols());
    Matrix gradWide = s.wide.view(x.rows(), stack.feedForward());
    outputDropout.backward(gradient, gradOutput, pass);
    parts.output().backwardParameters(drops ? a.used.view() : activated, gradOutput);
    parts.output().backwardInput(gradOutput, gradWide, false);
    if (drops) {
      reluDropout.backward(gradWide, gradWide, pass);
    }
    compute
        .operation(Relu.BACKWARD, RELU)
        .run(new Elementwise.Backward(activated, gradWide, gradWide));

    Matrix normed = a.normed.view();
    Matrix gradNormed = s.context.view(x.rows(), x.cols());
    parts.residual().backwardParameters(drops ? a.dropped.view() : normed, gradWide);
    parts.residual().backwardInput(gradWide, gradNormed, false);
    if (drops) {
      inputDropout.backward(gradNormed, gradNormed, pass);
    }
    backwardAttention(gradWide, gradNormed, gradMemory, p, a, s);
    parts.norm().backward(x, a.norm, gradNormed);
    compute.add(gradNormed, gradient);
  }

  private void backwardAttention(
      Matrix gradContext, Matrix gradNormed, Matrix gradMemory, DecoderPass p, Saved a, Scratch s) {
    AttentionShape shape = shape(stack, p);
    long keyRows = shape.batch() * shape.keys();
    Matrix gradMaps = s.maps.view(shape.rows(), shape.keys());
    Matrix gradQuery = s.query.view(gradNormed.rows(), gradNormed.cols());
    Matrix gradKeys = s.key.view(keyRows, stack.width());
    Matrix gradValues = s.value.view(keyRows, stack.feedForward());
    compute.attention(
        Attention.CONTEXT_BACKWARD,
        SPEC,
        new Attention.ContextBackward(
            shape, a.maps.view(), a.values.view(), gradContext, gradMaps, gradValues));
    compute.attention(
        Attention.WEIGHTS_BACKWARD,
        SPEC,
        new Attention.WeightsBackward(
            shape,
            a.query.view(),
            a.keys.view(),
            a.maps.view(),
            gradMaps,
            null,
            gradQuery,
            gradKeys));
    Matrix normed = a.normed.view();
    parts.query().backwardParameters(normed, gradQuery);
    parts.query().backwardInput(gradQuery, gradNormed, true);
    int batch = p.source().batch();
    int prefix = p.source().length();
    // The gradient by the context is no longer needed: its place takes the parts.
    unproject(parts.sourceKey(), p.memory(), gradKeys, batch, 0, gradMemory, s.wide);
    unproject(parts.key(), normed, gradKeys, batch, prefix, gradNormed, s.wide);
    unproject(parts.sourceValue(), p.memory(), gradValues, batch, 0, gradMemory, s.wide);
    unproject(parts.value(), normed, gradValues, batch, prefix, gradNormed, s.wide);
  }

  /** The backward of {@link #project}. */
  private void unproject(
      Linear linear, Matrix x, Matrix joined, int batch, long from, Matrix gradX, Slot part) {
    Matrix gradY = part.view(x.rows(), joined.cols());
    long positions = x.rows() / batch;
    compute
        .memory()
        .copy(
            stretch(joined, batch, from, from + positions),
            gradY.reshape(batch, positions * gradY.cols()));
    linear.backwardParameters(x, gradY);
    linear.backwardInput(gradY, gradX, true);
  }

  @Override
  public LayerCache newCache(DecodingState state) {
    return new Cache(state);
  }

  /** Keys and values of source and prefix, of every hypothesis. */
  private final class Cache implements LayerCache {
    private final PrefixCache keys;
    private final PrefixCache values;

    Cache(DecodingState state) {
      keys = state.newPrefixCache(stack.width());
      values = state.newPrefixCache(stack.feedForward());
    }

    @Override
    public void begin(DecodingState state) {
      keys.begin(state.sourceLength());
      values.begin(state.sourceLength());
      fill(parts.sourceKey(), stack.width(), keys, state);
      fill(parts.sourceValue(), stack.feedForward(), values, state);
    }

    private void fill(Linear linear, int width, PrefixCache cache, DecodingState state) {
      Matrix y = state.sourceScratch(width);
      linear.forward(state.memory(), y);
      compute
          .memory()
          .copy(y.reshape(state.sentences(), y.elements() / state.sentences()), cache.fixed(state));
    }

    @Override
    public void step(Matrix x, Matrix y, DecodingState state) {
      DecodingWorkspace w = state.workspace();
      Matrix normed = w.first.view(x.rows(), x.cols());
      parts.norm().forward(x, normed, w.norm);
      Matrix query = w.query.view(x.rows(), x.cols());
      parts.query().forward(normed, query);
      parts.key().forward(normed, keys.next(state));
      parts.value().forward(normed, values.next(state));
      int count = state.sourceLength() + state.pitch();
      Matrix context = w.context.view(x.rows(), stack.feedForward());
      attend(
          new AttentionShape(x.rows(), stack.heads(), 1, count),
          state.mask(),
          query,
          keys.all(state),
          values.all(state),
          w.scores,
          w.maps,
          context);
      // Without dropout only the activated values are written.
      feedForward(x, normed, context, null, w.second, null, y, Pass.EVALUATION);
    }

    @Override
    public void move(DecodingState.Move move) {
      keys.move(move);
      values.move(move);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.DropoutLayer;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;

/**
 * One use of multi-head attention with residual and post-norm: Q = linear(X); K, V = linear(M); P =
 * softmax(Q K^T / sqrt(width)) over the keys that are not masked; output = norm(X +
 * dropout(linear(P V))). M is X in self-attention and the encoder's output in cross-attention.
 */
final class AttentionSubLayer {
  private final Compute compute;
  private final Projections projections;
  private final Normalisation norm;
  private final DropoutLayer dropout;
  private final int heads;
  private final Attention.Spec spec;

  /**
   * Makes a sub-layer.
   *
   * @param projections the linear layers as this use takes them
   * @param causal whether a position sees none behind it
   * @param dropoutSite the number of this use of dropout
   */
  AttentionSubLayer(
      Compute compute,
      Projections projections,
      Normalisation norm,
      int heads,
      boolean causal,
      int dropoutSite) {
    this.compute = compute;
    this.projections = projections;
    this.norm = norm;
    this.heads = heads;
    spec = causal ? Attention.Spec.CAUSAL : Attention.Spec.DEFAULT;
    dropout = new DropoutLayer(compute, dropoutSite);
  }

  /** What a forward leaves for the backward. */
  static final class Saved {
    final Slot query;
    final Slot key;
    final Slot value;
    final Slot maps;
    final Slot context;
    final Slot sum;
    final Normalisation.Saved norm;
    final Slot output;

    Saved(Compute compute, Stack stack, Capacity capacity) {
      Memory memory = compute.memory();
      long elements = capacity.rows() * stack.width();
      query = new Slot(memory, elements);
      key = new Slot(memory, elements);
      value = new Slot(memory, elements);
      maps = new Slot(memory, capacity.rows() * stack.heads() * capacity.length());
      context = new Slot(memory, elements);
      sum = new Slot(memory, elements);
      norm = new Normalisation.Saved(compute, capacity.rows());
      output = new Slot(memory, elements);
    }
  }

  private AttentionShape shape(SequenceBatch queries, SequenceBatch keys) {
    return new AttentionShape(queries.batch(), heads, queries.length(), keys.length());
  }

  /**
   * Computes the output.
   *
   * @param x X, F32 [B * T, d]
   * @param queries the batch of X
   * @param memory M, F32 [B * S, any]
   * @param keys the batch of M
   * @return the output, F32 [B * T, d], in the slots of {@code a}
   */
  Matrix forward(
      Matrix x,
      SequenceBatch queries,
      Matrix memory,
      SequenceBatch keys,
      Saved a,
      Scratch scratch,
      Pass pass) {
    long width = x.cols();
    Matrix query = a.query.view(x.rows(), width);
    Matrix key = a.key.view(memory.rows(), width);
    Matrix value = a.value.view(memory.rows(), width);
    projectQueries(x, query);
    projectKeys(memory, key, value);
    AttentionShape shape = shape(queries, keys);
    attend(spec, shape, keys.lengths(), query, key, value, scratch.maps, a.maps, a.context);
    return finish(x, a.context.view(), a.sum, a.norm, a.output, pass);
  }

  /** Computes Q. */
  void projectQueries(Matrix x, Matrix query) {
    projections.query().forward(x, query);
  }

  /** Computes K and V. */
  void projectKeys(Matrix memory, Matrix key, Matrix value) {
    projections.key().forward(memory, key);
    projections.value().forward(memory, value);
  }

  /** Computes maps and context of queries that see all keys within the lengths. */
  void attendToAll(
      AttentionShape shape,
      Matrix lengths,
      Matrix query,
      Matrix key,
      Matrix value,
      Slot scores,
      Slot maps,
      Slot context) {
    attend(Attention.Spec.DEFAULT, shape, lengths, query, key, value, scores, maps, context);
  }

  /** Computes maps and context from Q, K and V; the scores are not kept. */
  private void attend(
      Attention.Spec mask,
      AttentionShape shape,
      Matrix lengths,
      Matrix query,
      Matrix key,
      Matrix value,
      Slot scores,
      Slot maps,
      Slot context) {
    Matrix p = maps.view(shape.rows(), shape.keys());
    compute.attention(
        Attention.WEIGHTS,
        mask,
        new Attention.Weights(
            shape, query, key, lengths, null, scores.view(shape.rows(), shape.keys()), p));
    compute.attention(
        Attention.CONTEXT,
        mask,
        new Attention.Context(shape, p, value, context.view(query.rows(), query.cols())));
  }

  /** Computes the output from the context. */
  Matrix finish(
      Matrix x, Matrix context, Slot sumSlot, Normalisation.Saved saved, Slot output, Pass pass) {
    Matrix sum = sumSlot.view(x.rows(), x.cols());
    projections.output().forward(context, sum);
    dropout.forward(sum, x, sum, pass);
    Matrix y = output.view(x.rows(), x.cols());
    norm.forward(sum, y, saved);
    return y;
  }

  /**
   * Computes the gradient by X and adds those of M and of the parameters.
   *
   * @param x X of the forward
   * @param memory M of the forward
   * @param gradient by the output on entry, by X on return, F32 [B * T, d]
   * @param gradMemory by M, added to; the same object as {@code gradient} in self-attention
   */
  void backward(
      Matrix x,
      SequenceBatch queries,
      Matrix memory,
      SequenceBatch keys,
      Matrix gradient,
      Matrix gradMemory,
      Saved a,
      Scratch s,
      Pass pass) {
    long width = x.cols();
    norm.backward(a.sum.view(), a.norm, gradient);
    Matrix gradOutput = s.narrow.view(x.rows(), width);
    dropout.backward(gradient, gradOutput, pass);
    projections.output().backwardParameters(a.context.view(), gradOutput);
    Matrix gradContext = s.context.view(x.rows(), width);
    projections.output().backwardInput(gradOutput, gradContext, false);

    AttentionShape shape = shape(queries, keys);
    Matrix gradMaps = s.maps.view(shape.rows(), shape.keys());
    Matrix gradQuery = s.query.view(x.rows(), width);
    Matrix gradKey = s.key.view(memory.rows(), width);
    Matrix gradValue = s.value.view(memory.rows(), width);
    compute.attention(
        Attention.CONTEXT_BACKWARD,
        spec,
        new Attention.ContextBackward(
            shape, a.maps.view(), a.value.view(), gradContext, gradMaps, gradValue));
    compute.attention(
        Attention.WEIGHTS_BACKWARD,
        spec,
        new Attention.WeightsBackward(
            shape,
            a.query.view(),
            a.key.view(),
            a.maps.view(),
            gradMaps,
            null,
            gradQuery,
            gradKey));
    projections.query().backwardParameters(x, gradQuery);
    projections.key().backwardParameters(memory, gradKey);
    projections.value().backwardParameters(memory, gradValue);
    projections.query().backwardInput(gradQuery, gradient, true);
    projections.key().backwardInput(gradKey, gradMemory, true);
    projections.value().backwardInput(gradValue, gradMemory, true);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/** attention in C: {@code native/src/attention}. Examples and heads are split over threads. */
final class NativeAttention {
  /** About how many flops of a product pay for handing work to a thread. */
  private static final double CHUNK_FLOPS = 1 << 20;

  /** How many chunks there are for a thread at least, for balance. */
  private static final long CHUNKS_OF_THREAD = 8;

  private static final RangeBody<NativeAttention, Attention.Weights> WEIGHTS =
      NativeAttention::weights;
  private static final RangeBody<NativeAttention, Attention.Context> CONTEXT =
      NativeAttention::context;
  private static final RangeBody<NativeAttention, Attention.ContextBackward> CONTEXT_BACKWARD =
      NativeAttention::contextBackward;
  private static final RangeBody<NativeAttention, Attention.WeightsBackward> WEIGHTS_BACKWARD =
      NativeAttention::weightsBackward;

  private final int tier;
  private final Attention.Spec spec;

  // Of the call in progress.
  private AttentionShape shape;
  private long width;
  private float scale;
  private long scratchBytes;

  private NativeAttention(Tier tier, Attention.Spec spec) {
    this.tier = tier.bits();
    this.spec = spec;
  }

  static Kernel<Attention.Weights> weights(Tier tier, Attention.Spec spec) {
    NativeAttention kernel = new NativeAttention(tier, spec);
    return (a, pool) -> kernel.run(a.shape(), a.query(), a, pool, WEIGHTS);
  }

  static Kernel<Attention.Context> context(Tier tier, Attention.Spec spec) {
    NativeAttention kernel = new NativeAttention(tier, spec);
    return (a, pool) -> kernel.run(a.shape(), a.value(), a, pool, CONTEXT);
  }

  static Kernel<Attention.ContextBackward> contextBackward(Tier tier, Attention.Spec spec) {
    NativeAttention kernel = new NativeAttention(tier, spec);
    return (a, pool) -> kernel.run(a.shape(), a.value(), a, pool, CONTEXT_BACKWARD);
  }

  static Kernel<Attention.WeightsBackward> weightsBackward(Tier tier, Attention.Spec spec) {
    NativeAttention kernel = new NativeAttention(tier, spec);
    return (a, pool) -> kernel.run(a.shape(), a.query(), a, pool, WEIGHTS_BACKWARD);
  }

  /** Runs a body over all examples and heads; {@code side} is a matrix of heads side by side. */
  private <A> void run(
      AttentionShape s, Matrix side, A a, WorkerPool pool, RangeBody<NativeAttention, A> body) {
    shape = s;
    width = side.cols() / s.heads();
    scale = (float) spec.scale(width);
    scratchBytes = LimbeckH.lb_attention_scratch(tier, s.queries(), s.keys(), width);
    double flops = 2.0 * s.queries() * s.keys() * Math.max(1, width);
    long count = s.batch() * s.heads();
    // Within a chunk the next head is fetched in time, and it changes no bit where one ends.
    long balanced = count / (CHUNKS_OF_THREAD * pool.threads());
    long chunk = (long) Math.max(balanced, Math.ceil(CHUNK_FLOPS / flops));
    pool.forRange(count, chunk, this, a, body);
  }

  private void weights(Attention.Weights a, Workspace workspace, long from, long to) {
    MemorySegment scratch = workspace.reserve(scratchBytes);
    try {
      int status =
          (int)
              LimbeckH.lb_attention_weights$handle()
                  .invokeExact(
                      tier,
                      scale,
                      spec.causal() ? 1 : 0,
                      spec.maskedScore(),
                      Native.pointer(a.query()),
                      a.query().rowStride(),
                      Native.pointer(a.key()),
                      a.key().rowStride(),
                      Native.optional(a.lengths()),
                      Native.optional(a.mask()),
                      Native.stride(a.mask()),
                      Native.pointer(a.scores()),
                      a.scores().rowStride(),
                      Native.pointer(a.maps()),
                      a.maps().rowStride(),
                      from,
                      to,
                      shape.heads(),
                      shape.queries(),
                      shape.keys(),
                      width,
                      scratch);
      Native.check(status, Attention.WEIGHTS);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  private void context(Attention.Context a, Workspace workspace, long from, long to) {
    MemorySegment scratch = workspace.reserve(scratchBytes);
    try {
      int status =
          (int)
              LimbeckH.lb_attention_context$handle()
                  .invokeExact(
                      tier,
                      Native.pointer(a.maps()),
                      a.maps().rowStride(),
                      Native.pointer(a.value()),
                      a.value().rowStride(),
                      Native.pointer(a.context()),
                      a.context().rowStride(),
                      from,
                      to,
                      shape.heads(),
                      shape.queries(),
                      shape.keys(),
                      width,
                      scratch);
      Native.check(status, Attention.CONTEXT);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  private void contextBackward(
      Attention.ContextBackward a, Workspace workspace, long from, long to) {
    MemorySegment scratch = workspace.reserve(scratchBytes);
    try {
      int status =
          (int)
              LimbeckH.lb_attention_context_backward$handle()
                  .invokeExact(
                      tier,
                      Native.pointer(a.maps()),
                      a.maps().rowStride(),
                      Native.pointer(a.value()),
                      a.value().rowStride(),
                      Native.pointer(a.gradContext()),
                      a.gradContext().rowStride(),
                      Native.pointer(a.gradMaps()),
                      a.gradMaps().rowStride(),
                      Native.pointer(a.gradValue()),
                      a.gradValue().rowStride(),
                      from,
                      to,
                      shape.heads(),
                      shape.queries(),
                      shape.keys(),
                      width,
                      scratch);
      Native.check(status, Attention.CONTEXT_BACKWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  private void weightsBackward(
      Attention.WeightsBackward a, Workspace workspace, long from, long to) {
    MemorySegment scratch = workspace.reserve(scratchBytes);
    try {
      int status =
          (int)
              LimbeckH.lb_attention_weights_backward$handle()
                  .invokeExact(
                      tier,
                      scale,
                      Native.pointer(a.query()),
                      a.query().rowStride(),
                      Native.pointer(a.key()),
                      a.key().rowStride(),
                      Native.pointer(a.maps()),
                      a.maps().rowStride(),
                      Native.pointer(a.gradMaps()),
                      a.gradMaps().rowStride(),
                      Native.optional(a.gradScores()),
                      Native.stride(a.gradScores()),
                      Native.pointer(a.gradQuery()),
                      a.gradQuery().rowStride(),
                      Native.pointer(a.gradKey()),
                      a.gradKey().rowStride(),
                      from,
                      to,
                      shape.heads(),
                      shape.queries(),
                      shape.keys(),
                      width,
                      scratch);
      Native.check(status, Attention.WEIGHTS_BACKWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }
}

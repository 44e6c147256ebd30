// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/** attention in C: {@code native/src/attention}. Examples and heads are split over threads. */
final class NativeAttention {
  /** About how many flops of a product pay for handing work to a thread. */
  private static final double CHUNK_FLOPS = 1 << 20;

  /** How many chunks there are for a thread at least, for balance. */
  private static final long CHUNKS_OF_THREAD = 8;

  private static final LibraryCall<NativeAttention, Attention.Weights> WEIGHTS =
      new LibraryCall<>("lb_attention_weights") {
        @Override
        int call(NativeAttention kernel, Attention.Weights a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_attention_weights$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.scale,
                      kernel.spec.causal() ? 1 : 0,
                      kernel.spec.maskedScore(),
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
                      a.shape().heads(),
                      a.shape().queries(),
                      a.shape().keys(),
                      kernel.width,
                      scratch.reserve(kernel.scratchBytes));
        }
      };

  private static final LibraryCall<NativeAttention, Attention.Context> CONTEXT =
      new LibraryCall<>("lb_attention_context") {
        @Override
        int call(NativeAttention kernel, Attention.Context a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_attention_context$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.maps()),
                      a.maps().rowStride(),
                      Native.pointer(a.value()),
                      a.value().rowStride(),
                      Native.pointer(a.context()),
                      a.context().rowStride(),
                      from,
                      to,
                      a.shape().heads(),
                      a.shape().queries(),
                      a.shape().keys(),
                      kernel.width,
                      scratch.reserve(kernel.scratchBytes));
        }
      };

  private static final LibraryCall<NativeAttention, Attention.ContextBackward> CONTEXT_BACKWARD =
      new LibraryCall<>("lb_attention_context_backward") {
        @Override
        int call(
            NativeAttention kernel,
            Attention.ContextBackward a,
            Workspace scratch,
            long from,
            long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_attention_context_backward$handle()
                  .invokeExact(
                      kernel.tier,
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
                      a.shape().heads(),
                      a.shape().queries(),
                      a.shape().keys(),
                      kernel.width,
                      scratch.reserve(kernel.scratchBytes));
        }
      };

  private static final LibraryCall<NativeAttention, Attention.WeightsBackward> WEIGHTS_BACKWARD =
      new LibraryCall<>("lb_attention_weights_backward") {
        @Override
        int call(
            NativeAttention kernel,
            Attention.WeightsBackward a,
            Workspace scratch,
            long from,
            long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_attention_weights_backward$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.scale,
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
                      a.shape().heads(),
                      a.shape().queries(),
                      a.shape().keys(),
                      kernel.width,
                      scratch.reserve(kernel.scratchBytes));
        }
      };

  private final int tier;
  private final Attention.Spec spec;

  // Of the call in progress.
  private long width;
  private float scale;
  private long scratchBytes;

  private NativeAttention(Tier tier, Attention.Spec spec) {
    this.tier = tier.bits();
    this.spec = spec;
  }

  static Kernel<Attention.Weights> weights(Tier tier, Attention.Spec spec) {
    NativeAttention kernel = new NativeAttention(tier, spec);
    return (a, pool) -> {
      long chunk = kernel.prepare(a.shape(), a.query(), pool);
      pool.forRange(a.shape().batch() * a.shape().heads(), chunk, kernel, a, WEIGHTS);
    };
  }

  static Kernel<Attention.Context> context(Tier tier, Attention.Spec spec) {
    NativeAttention kernel = new NativeAttention(tier, spec);
    return (a, pool) -> {
      long chunk = kernel.prepare(a.shape(), a.value(), pool);
      pool.forRange(a.shape().batch() * a.shape().heads(), chunk, kernel, a, CONTEXT);
    };
  }

  static Kernel<Attention.ContextBackward> contextBackward(Tier tier, Attention.Spec spec) {
    NativeAttention kernel = new NativeAttention(tier, spec);
    return (a, pool) -> {
      long chunk = kernel.prepare(a.shape(), a.value(), pool);
      pool.forRange(a.shape().batch() * a.shape().heads(), chunk, kernel, a, CONTEXT_BACKWARD);
    };
  }

  static Kernel<Attention.WeightsBackward> weightsBackward(Tier tier, Attention.Spec spec) {
    NativeAttention kernel = new NativeAttention(tier, spec);
    return (a, pool) -> {
      long chunk = kernel.prepare(a.shape(), a.query(), pool);
      pool.forRange(a.shape().batch() * a.shape().heads(), chunk, kernel, a, WEIGHTS_BACKWARD);
    };
  }

  /** Returns how many examples and heads make a chunk; {@code side} has heads side by side. */
  private long prepare(AttentionShape s, Matrix side, WorkerPool pool) {
    width = side.cols() / s.heads();
    scale = (float) spec.scale(width);
    scratchBytes = LimbeckH.lb_attention_scratch(tier, s.queries(), s.keys(), width);
    double flops = 2.0 * s.queries() * s.keys() * Math.max(1, width);
    // Within a chunk the next head is fetched in time, and it changes no bit where one ends.
    long balanced = s.batch() * s.heads() / (CHUNKS_OF_THREAD * pool.threads());
    return (long) Math.max(balanced, Math.ceil(CHUNK_FLOPS / flops));
  }
}

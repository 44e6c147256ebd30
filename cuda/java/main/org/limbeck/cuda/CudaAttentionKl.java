// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.AttentionKl.Arguments;
import org.limbeck.kernels.op.AttentionKl.Spec;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;

/** attention_kl from scores in CUDA: {@code cuda/src/attention_kl}. */
final class CudaAttentionKl implements Kernel<Arguments> {
  private static final String NAME = "attention_kl";
  private static final KernelSignature SHORT = rows("short");
  private static final KernelSignature MIDDLE = rows("middle");
  private static final KernelSignature LONG = rows("long");
  private static final KernelSignature STREAMED = rows("streamed");
  private static final KernelSignature MEANS =
      new KernelSignature(NAME, "lb_attention_kl_means_kernel", "ppp iiii");
  private static final KernelSignature TOTAL =
      new KernelSignature(NAME, "lb_attention_kl_total_kernel", "p i d p");

  static final Stem STEM =
      new Stem(NAME, CudaAttentionKl::register, SHORT, MIDDLE, LONG, STREAMED, MEANS, TOTAL);

  // Between these, float holds a temperature and its reciprocal with room for scores to be scaled.
  private static final double SMALLEST_TEMPERATURE = 1e-30;
  private static final double LARGEST_TEMPERATURE = 1e30;
  // Below this a float probability may be 0 where the clamp is not.
  private static final double SMALLEST_CLAMP = 1e-36;

  /** The keys that a lane of a warp holds, and the lanes of a row in the kernels that do. */
  private static final long HELD_KEYS = 16;

  private static final int SHORT_LANES = 8;
  private static final int MIDDLE_LANES = 16;

  private static final int WARP = 32;
  private static final int BLOCK = 256;

  private final Context context;
  private final Spec spec;
  private final KernelFunction shortRows;
  private final KernelFunction middleRows;
  private final KernelFunction longRows;
  private final KernelFunction streamedRows;
  private final KernelFunction means;
  private final KernelFunction total;

  private CudaAttentionKl(Context context, Spec spec) {
    this.context = context;
    this.spec = spec;
    shortRows = context.function(SHORT);
    middleRows = context.function(MIDDLE);
    longRows = context.function(LONG);
    streamedRows = context.function(STREAMED);
    means = context.function(MEANS);
    total = context.function(TOTAL);
  }

  private static KernelSignature rows(String variant) {
    return new KernelSignature(
        NAME, "lb_attention_kl_" + variant + "_kernel", "pl pl p pl pl p iiii dd ff i");
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.addIf(AttentionKl.OP, spec -> support(context, spec));
  }

  /** Returns the kernel for a specification, or why float does not hold its options. */
  private static Support<Arguments> support(Supplier<Context> context, Spec spec) {
    double temperature = spec.temperature();
    if (temperature < SMALLEST_TEMPERATURE || temperature > LARGEST_TEMPERATURE) {
      return new Support.No<>("has no kernel for temperatures outside 1e-30 to 1e30");
    }
    if (spec.clamp() > 0 && spec.clamp() < SMALLEST_CLAMP) {
      return new Support.No<>("has no kernel for clamps below 1e-36");
    }
    return new Support.Yes<>(new CudaAttentionKl(context.get(), spec));
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    AttentionShape s = a.shape();
    CudaAttention.check(s);
    double factor = spec.scale() / (s.batch() * s.heads());
    if (spec.tauSquared()) {
      factor *= spec.temperature() * spec.temperature();
    }
    if (a.loss() == null) {
      rows(a, factor, 0);
      return;
    }
    long matrices = s.batch() * s.heads();
    long bytes = (s.rows() + matrices) * Double.BYTES;
    long losses = context.allocator().require(bytes, "the losses of attention_kl");
    try {
      rows(a, factor, losses);
      long meansAt = losses + s.rows() * Double.BYTES;
      means
          .address(losses)
          .pointer(a.lengths())
          .address(meansAt)
          .int32((int) matrices)
          .int32((int) s.heads())
          .int32((int) s.queries())
          .int32((int) s.keys())
          .launch(Math.ceilDiv(matrices, BLOCK / WARP), BLOCK);
      total
          .address(meansAt)
          .int32((int) matrices)
          .float64(factor)
          .pointer(a.loss())
          .launch(1, BLOCK);
    } finally {
      context.allocator().free(losses, bytes);
    }
  }

  /** Queues what is done for each row. */
  private void rows(Arguments a, double factor, long losses) {
    AttentionShape s = a.shape();
    KernelFunction kernel = streamedRows;
    int lanes = WARP;
    if (s.keys() <= HELD_KEYS * SHORT_LANES) {
      kernel = shortRows;
      lanes = SHORT_LANES;
    } else if (s.keys() <= HELD_KEYS * MIDDLE_LANES) {
      kernel = middleRows;
      lanes = MIDDLE_LANES;
    } else if (s.keys() <= HELD_KEYS * WARP) {
      kernel = longRows;
    }
    kernel
        .matrix(a.studentScores())
        .matrix(a.teacherScores())
        .pointer(a.lengths())
        .matrix(a.mask())
        .matrix(a.gradStudentScores())
        .address(losses)
        .int32((int) s.rows())
        .int32((int) s.heads())
        .int32((int) s.queries())
        .int32((int) s.keys())
        .float64(1 / spec.temperature())
        .float64(factor / spec.temperature())
        .float32((float) spec.clamp())
        .float32((float) Math.log(spec.clamp()))
        .int32(spec.causal() ? 1 : 0)
        .launch(Math.ceilDiv(s.rows(), BLOCK / lanes), BLOCK);
  }
}

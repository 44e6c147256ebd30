// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.AttentionKl.Arguments;
import org.limbeck.kernels.op.AttentionKl.Spec;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * attention_kl from scores in C: {@code native/src/attention_kl}. Rows are split over threads;
 * their losses are added here in the order of the rows, in double.
 */
final class NativeAttentionKl implements Kernel<Arguments> {
  // Between these, float holds a temperature and its reciprocal with room for scores to be scaled.
  private static final double SMALLEST_TEMPERATURE = 1e-30;
  private static final double LARGEST_TEMPERATURE = 1e30;
  // Below this a float probability may be 0 where the clamp is not.
  private static final double SMALLEST_CLAMP = 1e-36;
  // Scratch holds four rows of floats, each rounded up to this many.
  private static final long ROW_MULTIPLE = 16;

  private static final LibraryCall<NativeAttentionKl, Arguments> ROWS =
      new LibraryCall<>("lb_attention_kl") {
        @Override
        int call(NativeAttentionKl kernel, Arguments a, Workspace scratch, long from, long to)
            throws Throwable {
          AttentionShape shape = a.shape();
          long row = Math.ceilDiv(shape.keys(), ROW_MULTIPLE) * ROW_MULTIPLE * Float.BYTES;
          return (int)
              LimbeckH.lb_attention_kl$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.studentScores()),
                      a.studentScores().rowStride(),
                      Native.pointer(a.teacherScores()),
                      a.teacherScores().rowStride(),
                      Native.optional(a.lengths()),
                      Native.optional(a.mask()),
                      Native.stride(a.mask()),
                      Native.optional(a.gradStudentScores()),
                      Native.stride(a.gradStudentScores()),
                      kernel.losses,
                      scratch.reserve(4 * row),
                      from,
                      to,
                      shape.heads(),
                      shape.queries(),
                      shape.keys(),
                      kernel.spec.causal() ? 1 : 0,
                      kernel.spec.temperature(),
                      kernel.spec.clamp(),
                      kernel.factor);
        }
      };

  private final int tier;
  private final Spec spec;

  // Of the call in progress: the row losses, f64 [rows], and the factor of loss and gradient.
  private MemorySegment losses;
  private double factor;

  private NativeAttentionKl(Tier tier, Spec spec) {
    this.tier = tier.bits();
    this.spec = spec;
  }

  /** Returns the kernel for a specification, or why float does not hold its options. */
  static Support<Arguments> support(Tier tier, Spec spec) {
    double temperature = spec.temperature();
    if (temperature < SMALLEST_TEMPERATURE || temperature > LARGEST_TEMPERATURE) {
      return new Support.No<>("has no kernel for temperatures outside 1e-30 to 1e30");
    }
    if (spec.clamp() > 0 && spec.clamp() < SMALLEST_CLAMP) {
      return new Support.No<>("has no kernel for clamps below 1e-36");
    }
    return new Support.Yes<>(new NativeAttentionKl(tier, spec));
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    AttentionShape shape = a.shape();
    factor = spec.scale() / (shape.batch() * shape.heads());
    if (spec.tauSquared()) {
      factor *= spec.temperature() * spec.temperature();
    }
    losses = pool.shared().reserve(shape.rows() * Double.BYTES);
    pool.forRange(
        a.studentScores().rows(), Native.rowsPerChunk(a.studentScores().cols()), this, a, ROWS);
    if (a.loss() != null) {
      a.loss().setDouble(0, 0, combine(a) * factor);
    }
  }

  /** Returns the sum over examples and heads of the mean over real query rows. */
  private double combine(Arguments a) {
    AttentionShape shape = a.shape();
    boolean square = shape.queries() == shape.keys();
    double total = 0;
    long at = 0;
    for (long b = 0; b < shape.batch(); b++) {
      long realQueries = a.lengths() != null && square ? a.lengths().getInt(0, b) : shape.queries();
      for (long h = 0; h < shape.heads(); h++) {
        double sum = Native.sum(losses, at, shape.queries());
        total += realQueries == 0 ? 0 : sum / realQueries;
        at += shape.queries();
      }
    }
    return total;
  }
}

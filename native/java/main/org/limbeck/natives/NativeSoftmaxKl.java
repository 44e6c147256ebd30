// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.SoftmaxKl.Arguments;
import org.limbeck.kernels.op.SoftmaxKl.Mode;
import org.limbeck.kernels.op.SoftmaxKl.Spec;
import org.limbeck.kernels.op.SoftmaxKl.Teacher;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * softmax_kl in C: {@code native/src/softmax_kl}. Rows are split over threads; their losses are
 * added up in the order of the rows.
 */
final class NativeSoftmaxKl implements Kernel<Arguments> {
  private static final LibraryCall<NativeSoftmaxKl, Arguments> ROWS =
      new LibraryCall<>("lb_softmax_kl") {
        @Override
        int call(NativeSoftmaxKl kernel, Arguments a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_softmax_kl$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.type,
                      kernel.mode,
                      kernel.spec.temperature(),
                      kernel.spec.teacherTemperature(),
                      kernel.weight,
                      kernel.spec.softCap(),
                      kernel.spec.softWeight(),
                      kernel.spec.scale(),
                      kernel.spec.hardWeight(),
                      kernel.spec.labelSmoothing(),
                      kernel.factor,
                      Native.pointer(a.student()),
                      a.student().rowStride(),
                      Native.pointer(a.teacher()),
                      a.teacher().rowStride(),
                      Native.optional(a.rowWeight()),
                      Native.optional(a.columnMask()),
                      Native.optional(a.labels()),
                      kernel.spec.ignoreIndex(),
                      Native.optional(a.gradStudent()),
                      Native.stride(a.gradStudent()),
                      Native.optional(a.gradTeacher()),
                      Native.stride(a.gradTeacher()),
                      kernel.stream,
                      Native.optional(a.rowLoss()),
                      kernel.losses,
                      scratch.reserve(kernel.scratchBytes),
                      from,
                      to,
                      a.student().cols());
        }
      };

  private static final LibraryCall<NativeSoftmaxKl, Arguments> TOP_K_ROWS =
      new LibraryCall<>("lb_softmax_kl_top_k") {
        @Override
        int call(NativeSoftmaxKl kernel, Arguments a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_softmax_kl_top_k$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.type,
                      kernel.teacher,
                      kernel.mode,
                      kernel.spec.temperature(),
                      kernel.weight,
                      kernel.spec.softCap(),
                      kernel.spec.softWeight(),
                      kernel.spec.scale(),
                      kernel.spec.hardWeight(),
                      kernel.spec.labelSmoothing(),
                      kernel.factor,
                      Native.pointer(a.student()),
                      a.student().rowStride(),
                      Native.pointer(a.topIds()),
                      a.topIds().rowStride(),
                      Native.pointer(a.topProbabilities()),
                      a.topProbabilities().rowStride(),
                      a.topIds().cols(),
                      Native.optional(a.rowWeight()),
                      Native.optional(a.columnMask()),
                      Native.optional(a.labels()),
                      kernel.spec.ignoreIndex(),
                      Native.optional(a.gradStudent()),
                      Native.stride(a.gradStudent()),
                      Native.optional(a.rowLoss()),
                      kernel.losses,
                      scratch.reserve(kernel.scratchBytes),
                      from,
                      to,
                      a.student().cols());
        }
      };

  /** What a row costs beside its elements, as so many of them. */
  private static final long ROW_ELEMENTS = 128;

  // The third cache level of a common server: what is longer is not found there by its reader.
  private static final long CACHED_BYTES = 32L << 20;

  private final int tier;
  private final int type;
  private final Spec spec;
  private final int mode;
  private final int teacher;
  private final double weight;

  // Of the call in progress.
  private double factor;
  private int stream;
  private long scratchBytes;
  private MemorySegment losses;

  private NativeSoftmaxKl(Tier tier, Spec spec) {
    this.tier = tier.bits();
    this.spec = spec;
    this.type = spec.logits() == DType.BF16 ? LimbeckH.LB_TYPE_BF16() : LimbeckH.LB_TYPE_F32();
    this.mode = mode(spec.mode());
    this.teacher = teacher(spec.teacher());
    this.weight = weight(spec);
  }

  static Support<Arguments> support(Tier tier, Spec spec) {
    return new Support.Yes<>(new NativeSoftmaxKl(tier, spec));
  }

  private static int mode(Mode mode) {
    return switch (mode) {
      case FORWARD_KL -> LimbeckH.LB_SOFTMAX_KL_FORWARD_KL();
      case REVERSE_KL -> LimbeckH.LB_SOFTMAX_KL_REVERSE_KL();
      case SYMMETRIC_KL -> LimbeckH.LB_SOFTMAX_KL_SYMMETRIC_KL();
      case JS -> LimbeckH.LB_SOFTMAX_KL_JS();
      case SKEW_FORWARD_KL -> LimbeckH.LB_SOFTMAX_KL_SKEW_FORWARD_KL();
      case SKEW_REVERSE_KL -> LimbeckH.LB_SOFTMAX_KL_SKEW_REVERSE_KL();
      case SOFT_CE -> LimbeckH.LB_SOFTMAX_KL_SOFT_CE();
      case TOTAL_VARIATION -> LimbeckH.LB_SOFTMAX_KL_TOTAL_VARIATION();
      case LOGIT_MSE -> LimbeckH.LB_SOFTMAX_KL_LOGIT_MSE();
    };
  }

  /** Returns the constant of a top-k teacher, 0 for a dense one. */
  private static int teacher(Teacher teacher) {
    return switch (teacher) {
      case DENSE -> 0;
      case TOP_K_RAW -> LimbeckH.LB_TOP_K_RAW();
      case TOP_K_RENORM -> LimbeckH.LB_TOP_K_RENORM();
      case TOP_K_TAIL -> LimbeckH.LB_TOP_K_TAIL();
      case TOP_K_BOTH_RENORM -> LimbeckH.LB_TOP_K_BOTH_RENORM();
    };
  }

  /** Returns the weight of the teacher's row in the mixture that a mode compares with. */
  private static double weight(Spec spec) {
    return switch (spec.mode()) {
      case JS -> spec.beta();
      case SKEW_REVERSE_KL -> 1 - spec.alpha();
      default -> spec.alpha();
    };
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    long rows = a.student().rows();
    factor = spec.normaliser().factor(rows, a.rowWeight());
    scratchBytes = LimbeckH.lb_softmax_kl_scratch(type, a.student().cols());
    losses = pool.shared().reserve(rows * Double.BYTES);
    stream = rows * a.student().cols() > CACHED_BYTES / spec.logits().bytes() ? 1 : 0;
    pool.forRange(
        rows,
        rowsPerChunk(rows, a.student().cols()),
        this,
        a,
        spec.teacher() == Teacher.DENSE ? ROWS : TOP_K_ROWS);
    if (a.loss() != null) {
      double sum = Native.sum(losses, 0, rows);
      a.loss().setDouble(0, 0, factor == 0 ? 0 : sum * factor);
    }
    losses = null;
  }

  /** Of long rows several: at the end of one, the library fetches the next of the chunk. */
  private static long rowsPerChunk(long rows, long cols) {
    return Math.max(Native.rowsPerChunk(ROW_ELEMENTS + cols), Math.min(8, rows / 64));
  }
}

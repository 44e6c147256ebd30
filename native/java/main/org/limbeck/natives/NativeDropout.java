// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Dropout;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/** dropout in C: {@code native/src/dropout}. Rows are split over threads. */
final class NativeDropout {
  private static final String FUNCTION = "lb_dropout";

  private static final LibraryCall<NativeDropout, Dropout.Forward> FORWARD =
      new LibraryCall<>(FUNCTION) {
        @Override
        int call(NativeDropout kernel, Dropout.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_dropout$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.x()),
                      a.x().rowStride(),
                      Native.optional(a.residual()),
                      Native.stride(a.residual()),
                      Native.pointer(a.y()),
                      a.y().rowStride(),
                      from,
                      to,
                      a.x().cols(),
                      a.seed(),
                      a.stream(),
                      kernel.threshold,
                      kernel.scale);
        }
      };
  private static final LibraryCall<NativeDropout, Dropout.Backward> BACKWARD =
      new LibraryCall<>(FUNCTION) {
        @Override
        int call(NativeDropout kernel, Dropout.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_dropout$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.gradY()),
                      a.gradY().rowStride(),
                      MemorySegment.NULL,
                      0L,
                      Native.pointer(a.gradX()),
                      a.gradX().rowStride(),
                      from,
                      to,
                      a.gradY().cols(),
                      a.seed(),
                      a.stream(),
                      kernel.threshold,
                      kernel.scale);
        }
      };

  private final int tier;
  private final int threshold;
  private final float scale;

  private NativeDropout(Tier tier, Dropout.Spec spec) {
    this.tier = tier.bits();
    this.threshold = (int) spec.threshold();
    this.scale = spec.keptScale();
  }

  static Kernel<Dropout.Forward> forward(Tier tier, Dropout.Spec spec) {
    return new NativeDropout(tier, spec)::run;
  }

  static Kernel<Dropout.Backward> backward(Tier tier, Dropout.Spec spec) {
    return new NativeDropout(tier, spec)::run;
  }

  private void run(Dropout.Forward a, WorkerPool pool) {
    long rows = a.x().rows();
    pool.forRange(rows, Native.rowsPerChunk(rows, a.x().cols()), this, a, FORWARD);
  }

  private void run(Dropout.Backward a, WorkerPool pool) {
    pool.forRange(a.gradY().rows(), Native.rowsPerChunk(a.gradY().cols()), this, a, BACKWARD);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/** softmax in C: {@code native/src/softmax}. Rows are split over threads. */
final class NativeSoftmax {
  private static final RangeBody<NativeSoftmax, Softmax.Forward> FORWARD =
      NativeSoftmax::forwardRows;
  private static final RangeBody<NativeSoftmax, Softmax.Backward> BACKWARD =
      NativeSoftmax::backwardRows;

  private final int tier;

  private NativeSoftmax(Tier tier) {
    this.tier = tier.bits();
  }

  static Kernel<Softmax.Forward> forward(Tier tier) {
    return new NativeSoftmax(tier)::run;
  }

  static Kernel<Softmax.Backward> backward(Tier tier) {
    return new NativeSoftmax(tier)::run;
  }

  private void run(Softmax.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), this, a, FORWARD);
  }

  private void run(Softmax.Backward a, WorkerPool pool) {
    pool.forRange(a.y().rows(), Native.rowsPerChunk(a.y().cols()), this, a, BACKWARD);
  }

  private void forwardRows(Softmax.Forward a, Workspace scratch, long from, long to) {
    try {
      int status =
          (int)
              LimbeckH.lb_softmax_forward$handle()
                  .invokeExact(
                      tier,
                      Native.pointer(a.x()),
                      a.x().rowStride(),
                      Native.pointer(a.y()),
                      a.y().rowStride(),
                      from,
                      to,
                      a.x().cols());
      Native.check(status, Softmax.FORWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  private void backwardRows(Softmax.Backward a, Workspace scratch, long from, long to) {
    try {
      int status =
          (int)
              LimbeckH.lb_softmax_backward$handle()
                  .invokeExact(
                      tier,
                      Native.pointer(a.y()),
                      a.y().rowStride(),
                      Native.pointer(a.gradY()),
                      a.gradY().rowStride(),
                      Native.pointer(a.gradX()),
                      a.gradX().rowStride(),
                      from,
                      to,
                      a.y().cols());
      Native.check(status, Softmax.BACKWARD);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Tanh;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/** tanh in C: {@code native/src/tanh}. Rows are split over threads. */
final class NativeTanh {
  private static final RangeBody<NativeTanh, Elementwise.Forward> FORWARD = NativeTanh::forwardRows;
  private static final RangeBody<NativeTanh, Tanh.Backward> BACKWARD = NativeTanh::backwardRows;

  private final int tier;

  private NativeTanh(Tier tier) {
    this.tier = tier.bits();
  }

  static Kernel<Elementwise.Forward> forward(Tier tier) {
    return new NativeTanh(tier)::run;
  }

  static Kernel<Tanh.Backward> backward(Tier tier) {
    return new NativeTanh(tier)::run;
  }

  private void run(Elementwise.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), this, a, FORWARD);
  }

  private void run(Tanh.Backward a, WorkerPool pool) {
    pool.forRange(a.y().rows(), Native.rowsPerChunk(a.y().cols()), this, a, BACKWARD);
  }

  private void forwardRows(Elementwise.Forward a, Workspace scratch, long from, long to) {
    int status =
        LimbeckH.lb_tanh_forward(
            tier,
            Native.pointer(a.x()),
            a.x().rowStride(),
            Native.pointer(a.y()),
            a.y().rowStride(),
            from,
            to,
            a.x().cols());
    Native.check(status, Tanh.FORWARD);
  }

  private void backwardRows(Tanh.Backward a, Workspace scratch, long from, long to) {
    int status =
        LimbeckH.lb_tanh_backward(
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
    Native.check(status, Tanh.BACKWARD);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Relu;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/** relu in C: {@code native/src/relu}. Rows are split over threads. */
final class NativeRelu {
  private static final RangeBody<NativeRelu, Elementwise.Forward> FORWARD = NativeRelu::forwardRows;
  private static final RangeBody<NativeRelu, Elementwise.Backward> BACKWARD =
      NativeRelu::backwardRows;

  private final int tier;

  private NativeRelu(Tier tier) {
    this.tier = tier.bits();
  }

  static Kernel<Elementwise.Forward> forward(Tier tier) {
    return new NativeRelu(tier)::run;
  }

  static Kernel<Elementwise.Backward> backward(Tier tier) {
    return new NativeRelu(tier)::run;
  }

  private void run(Elementwise.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), this, a, FORWARD);
  }

  private void run(Elementwise.Backward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), this, a, BACKWARD);
  }

  private void forwardRows(Elementwise.Forward a, Workspace scratch, long from, long to) {
    int status =
        LimbeckH.lb_relu_forward(
            tier,
            Native.pointer(a.x()),
            a.x().rowStride(),
            Native.pointer(a.y()),
            a.y().rowStride(),
            from,
            to,
            a.x().cols());
    Native.check(status, Relu.FORWARD);
  }

  private void backwardRows(Elementwise.Backward a, Workspace scratch, long from, long to) {
    int status =
        LimbeckH.lb_relu_backward(
            tier,
            Native.pointer(a.x()),
            a.x().rowStride(),
            Native.pointer(a.gradY()),
            a.gradY().rowStride(),
            Native.pointer(a.gradX()),
            a.gradX().rowStride(),
            from,
            to,
            a.x().cols());
    Native.check(status, Relu.BACKWARD);
  }
}

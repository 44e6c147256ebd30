// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Dropout;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/** dropout in C: {@code native/src/dropout}. Rows are split over threads. */
final class NativeDropout {
  private static final RangeBody<NativeDropout, Dropout.Forward> FORWARD =
      (kernel, a, scratch, from, to) ->
          kernel.rows(
              Dropout.FORWARD, a.x(), a.residual(), a.y(), a.seed(), a.stream(), from, to);
  private static final RangeBody<NativeDropout, Dropout.Backward> BACKWARD =
      (kernel, a, scratch, from, to) ->
          kernel.rows(
              Dropout.BACKWARD, a.gradY(), null, a.gradX(), a.seed(), a.stream(), from, to);

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
    pool.forRange(a.x().rows(), Native.rowsPerChunk(a.x().cols()), this, a, FORWARD);
  }

  private void run(Dropout.Backward a, WorkerPool pool) {
    pool.forRange(a.gradY().rows(), Native.rowsPerChunk(a.gradY().cols()), this, a, BACKWARD);
  }

  private void rows(
      Op<?, ?> op,
      Matrix in,
      Matrix residual,
      Matrix out,
      long seed,
      long stream,
      long from,
      long to) {
    int status =
        LimbeckH.lb_dropout(
            tier,
            Native.pointer(in),
            in.rowStride(),
            Native.optional(residual),
            Native.stride(residual),
            Native.pointer(out),
            out.rowStride(),
            from,
            to,
            in.cols(),
            seed,
            stream,
            threshold,
            scale);
    Native.check(status, op);
  }
}

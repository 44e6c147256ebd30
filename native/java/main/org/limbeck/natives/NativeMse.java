// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Mse;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * mse in C: {@code native/src/mse}. Rows are split over threads; their losses are added here in the
 * order of the rows, in double.
 */
final class NativeMse implements Kernel<RowLoss.Arguments> {
  private static final LibraryCall<NativeMse, RowLoss.Arguments> ROWS =
      new LibraryCall<>("lb_mse") {
        @Override
        int call(NativeMse kernel, RowLoss.Arguments a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_mse$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.student()),
                      a.student().rowStride(),
                      Native.pointer(a.teacher()),
                      a.teacher().rowStride(),
                      Native.optional(a.rowWeight()),
                      Native.optional(a.gradStudent()),
                      Native.stride(a.gradStudent()),
                      kernel.losses,
                      from,
                      to,
                      a.student().cols(),
                      kernel.floor,
                      kernel.factor);
        }
      };

  private final int tier;
  private final Mse.Spec spec;
  private final float floor;

  // Of the call in progress: the row losses, f64 [rows], and the factor of loss and gradient.
  private MemorySegment losses;
  private double factor;

  NativeMse(Tier tier, Mse.Spec spec) {
    this.tier = tier.bits();
    this.spec = spec;
    // Nothing is at or below NaN, not even -infinity.
    this.floor = spec.floor() == Float.NEGATIVE_INFINITY ? Float.NaN : spec.floor();
  }

  @Override
  public void run(RowLoss.Arguments a, WorkerPool pool) {
    long rows = a.student().rows();
    factor = spec.normaliser().factor(rows, a.rowWeight());
    losses = pool.shared().reserve(rows * Double.BYTES);
    pool.forRange(a.student().rows(), Native.rowsPerChunk(a.student().cols()), this, a, ROWS);
    Matrix weights = a.rowWeight();
    double sum = 0;
    for (long r = 0; r < rows; r++) {
      double loss = losses.get(ValueLayout.JAVA_DOUBLE, r * Double.BYTES);
      sum += weights == null ? loss : weights.getFloat(0, r) * loss;
      if (a.rowLoss() != null) {
        a.rowLoss().setDouble(0, r, loss);
      }
    }
    if (a.loss() != null) {
      a.loss().setDouble(0, 0, factor == 0 ? 0 : sum * factor);
    }
  }
}

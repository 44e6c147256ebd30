// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * bert_adam in C: the squares of the gradient, one sum for each chunk of rows, added in the order
 * of the chunks; then the shared step.
 */
final class NativeBertAdam implements Kernel<OptimizerStep.Arguments> {
  private static final double NORM_GUARD = 1e-6;

  private static final LibraryCall<NativeBertAdam, OptimizerStep.Arguments> SQUARES =
      new LibraryCall<>("lb_adam_squares") {
        @Override
        int call(
            NativeBertAdam kernel, OptimizerStep.Arguments a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_adam_squares$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.gradient()),
                      a.gradient().rowStride(),
                      kernel.sums.asSlice(from / kernel.chunkRows * Double.BYTES),
                      from,
                      to,
                      a.gradient().cols());
        }
      };

  private final int tier;
  private final BertAdam.Spec spec;
  private final NativeAdamStep step;

  // Of the call in progress: the sums, f64 [chunks], and the rows of a chunk.
  private MemorySegment sums;
  private long chunkRows;

  NativeBertAdam(Tier tier, BertAdam.Spec spec) {
    this.tier = tier.bits();
    this.spec = spec;
    this.step = new NativeAdamStep(tier, spec.beta1(), spec.beta2(), spec.epsilon());
  }

  @Override
  public void run(OptimizerStep.Arguments a, WorkerPool pool) {
    long rows = a.parameter().rows();
    chunkRows = Native.rowsPerChunk(a.parameter().cols());
    double factor = 1;
    if (spec.maxNorm() < Double.POSITIVE_INFINITY) {
      long chunks = Math.ceilDiv(rows, chunkRows);
      sums = pool.shared().reserve(chunks * Double.BYTES);
      pool.forRange(rows, chunkRows, this, a, SQUARES);
      double norm = Math.sqrt(Native.sum(sums, 0, chunks));
      factor = Math.min(1, spec.maxNorm() / (norm + NORM_GUARD));
    }
    step.set(factor, 1 - a.learningRate() * spec.weightDecay(), a.learningRate(), 1);
    pool.forRange(rows, chunkRows, step, a, NativeAdamStep.ROWS);
  }
}

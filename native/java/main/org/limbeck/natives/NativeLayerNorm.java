// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.LayerNorm;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * layer_norm in C: {@code native/src/layer_norm}. Rows are split over threads; the sums of the
 * parameters' gradients, a pair for each chunk of rows, are added in the order of the chunks.
 */
final class NativeLayerNorm {
  private static final long MAX_CHUNKS = 64;

  private static final LibraryCall<NativeLayerNorm, LayerNorm.Forward> FORWARD =
      new LibraryCall<>("lb_layer_norm_forward") {
        @Override
        int call(NativeLayerNorm kernel, LayerNorm.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_layer_norm_forward$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.x()),
                      a.x().rowStride(),
                      Native.pointer(a.gamma()),
                      Native.pointer(a.beta()),
                      Native.pointer(a.y()),
                      a.y().rowStride(),
                      Native.pointer(a.mean()),
                      Native.pointer(a.rstd()),
                      from,
                      to,
                      a.x().cols(),
                      kernel.epsilon);
        }
      };
  private static final LibraryCall<NativeLayerNorm, LayerNorm.Backward> BACKWARD =
      new LibraryCall<>("lb_layer_norm_backward") {
        @Override
        int call(
            NativeLayerNorm kernel, LayerNorm.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          long cols = a.x().cols();
          return (int)
              LimbeckH.lb_layer_norm_backward$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.x()),
                      a.x().rowStride(),
                      Native.pointer(a.gamma()),
                      Native.pointer(a.mean()),
                      Native.pointer(a.rstd()),
                      Native.pointer(a.gradY()),
                      a.gradY().rowStride(),
                      Native.pointer(a.gradX()),
                      a.gradX().rowStride(),
                      kernel.sums.asSlice(from / kernel.chunkRows * sumBytes(cols)),
                      from,
                      to,
                      cols);
        }
      };

  private static final LibraryCall<NativeLayerNorm, LayerNorm.Backward> PARAMETERS =
      new LibraryCall<>("lb_layer_norm_parameters") {
        @Override
        int call(
            NativeLayerNorm kernel, LayerNorm.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_layer_norm_parameters$handle()
                  .invokeExact(
                      kernel.tier,
                      kernel.sums,
                      kernel.chunks,
                      Native.pointer(a.gradGamma()),
                      Native.pointer(a.gradBeta()),
                      to);
        }
      };

  private final int tier;
  private final double epsilon;

  // Of the backward call in progress: the sums, f32 [chunks, 2, cols], and the rows of a chunk.
  private MemorySegment sums;
  private long chunks;
  private long chunkRows;

  private NativeLayerNorm(Tier tier, LayerNorm.Spec spec) {
    this.tier = tier.bits();
    this.epsilon = spec.epsilon();
  }

  static Kernel<LayerNorm.Forward> forward(Tier tier, LayerNorm.Spec spec) {
    return new NativeLayerNorm(tier, spec)::run;
  }

  static Kernel<LayerNorm.Backward> backward(Tier tier, LayerNorm.Spec spec) {
    return new NativeLayerNorm(tier, spec)::run;
  }

  private void run(LayerNorm.Forward a, WorkerPool pool) {
    long rows = a.x().rows();
    pool.forRange(rows, Native.rowsPerChunk(rows, a.x().cols()), this, a, FORWARD);
  }

  private void run(LayerNorm.Backward a, WorkerPool pool) {
    long rows = a.x().rows();
    long cols = a.x().cols();
    chunkRows = Math.max(Native.rowsPerChunk(cols), Math.ceilDiv(rows, MAX_CHUNKS));
    chunks = Math.ceilDiv(rows, chunkRows);
    sums = pool.shared().reserve(chunks * sumBytes(cols));
    pool.forRange(rows, chunkRows, this, a, BACKWARD);
    PARAMETERS.whole(this, a, cols);
  }

  private static long sumBytes(long cols) {
    return 2 * cols * Float.BYTES;
  }
}

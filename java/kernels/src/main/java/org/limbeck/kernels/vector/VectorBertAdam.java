// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32_HALF;
import static org.limbeck.kernels.vector.Lanes.F64;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * bert_adam, Vector API. g' = g min(1, maxNorm / (|g| + 1e-6)), |g| over the whole tensor; m =
 * beta1 m + (1 - beta1) g'; v = beta2 v + (1 - beta2) g'^2; w -= l (m / (sqrt(v) + epsilon) +
 * weightDecay w).
 *
 * <p>w, g, m, v f32 [rows, cols], any row stride, 4-byte aligned; w, m, v are updated, none
 * overlaps another. NaN in g makes all of w, m and v NaN, unless maxNorm is infinite: then the norm
 * is not taken. The norm in double lanes, one sum for each chunk of rows, added in the order of the
 * chunks; the update in float. Rows are split over threads. Two passes, 15 flops, a root and a
 * division an element; reads 5 rows cols, writes 3 rows cols floats. Tails of the norm one element
 * at a time, of the update in scratch, padded with 0.
 */
final class VectorBertAdam implements Kernel<OptimizerStep.Arguments> {
  private static final double NORM_GUARD = 1e-6;

  private static final RangeBody<VectorBertAdam, OptimizerStep.Arguments> SQUARES =
      (kernel, a, scratch, from, to) ->
          kernel.sumSquares(a.gradient(), scratch.reserve(Tail.SLOT_BYTES), from, to);

  private final BertAdam.Spec spec;
  private final AdamStep step;
  private MemorySegment partialSums;
  private long chunkRows;

  VectorBertAdam(BertAdam.Spec spec) {
    this.spec = spec;
    this.step = new AdamStep(spec.beta1(), spec.beta2(), spec.epsilon());
  }

  @Override
  public void run(OptimizerStep.Arguments a, WorkerPool pool) {
    double factor =
        Double.isInfinite(spec.maxNorm())
            ? 1
            : Math.min(1, spec.maxNorm() / (norm(a, pool) + NORM_GUARD));
    step.run(a, pool, factor, 1 - a.learningRate() * spec.weightDecay(), a.learningRate(), 1);
  }

  private double norm(OptimizerStep.Arguments a, WorkerPool pool) {
    long rows = a.gradient().rows();
    chunkRows = Lanes.rowsPerChunk(a.gradient().cols());
    long chunks = (rows + chunkRows - 1) / chunkRows;
    partialSums = pool.shared().reserve(chunks * Double.BYTES);
    pool.forRange(rows, chunkRows, this, a, SQUARES);
    double squares = 0;
    for (long i = 0; i < chunks; i++) {
      squares += partialSums.get(ValueLayout.JAVA_DOUBLE, i * Double.BYTES);
    }
    return Math.sqrt(squares);
  }

  private void sumSquares(Matrix gradient, MemorySegment scratch, long from, long to) {
    MemorySegment gs = gradient.segment();
    long bytes = gradient.cols() * Float.BYTES;
    long whole = Lanes.wholeBytes(bytes);
    double squares = 0;
    for (long r = from; r < to; r++) {
      long go = gradient.rowOffsetBytes(r);
      squares += sumSquares(gs, go, whole, scratch);
      for (long i = whole; i < bytes; i += Float.BYTES) {
        double g = gs.get(ValueLayout.JAVA_FLOAT, go + i);
        squares += g * g;
      }
    }
    partialSums.set(ValueLayout.JAVA_DOUBLE, from / chunkRows * Double.BYTES, squares);
  }

  private static double sumSquares(MemorySegment gs, long go, long bytes, MemorySegment scratch) {
    DoubleVector low = DoubleVector.zero(F64);
    DoubleVector high = DoubleVector.zero(F64);
    // By != because C2 unrolls what ends by <, and such sums then take longer.
    for (long i = 0; i != bytes; i += BYTES) {
      DoubleVector a =
          (DoubleVector)
              FloatVector.fromMemorySegment(F32_HALF, gs, go + i, ORDER)
                  .convertShape(VectorOperators.F2D, F64, 0);
      DoubleVector b =
          (DoubleVector)
              FloatVector.fromMemorySegment(F32_HALF, gs, go + i + BYTES / 2, ORDER)
                  .convertShape(VectorOperators.F2D, F64, 0);
      low = a.fma(a, low);
      high = b.fma(b, high);
    }
    low.add(high).intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sumDoubles(scratch, 0);
  }
}

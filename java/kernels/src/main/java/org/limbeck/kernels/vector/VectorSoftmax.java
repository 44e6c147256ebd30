// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;
import static org.limbeck.kernels.vector.Lanes.get;
import static org.limbeck.kernels.vector.Lanes.set;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * softmax, Vector API. y_j = exp(x_j - max x) / sum_k exp(x_k - max x); dx_j = y_j (dy_j - sum_k
 * dy_k y_k).
 *
 * <p>x, y, gradX, gradY f32 [rows, cols], any row stride, 4-byte aligned; y may be x, gradX may be
 * gradY. A row of -infinity gives 0; NaN or +infinity makes its row NaN. Sums in float lanes, of a
 * block reduced in halves, of blocks in double. Rows are split over threads. Three passes over a
 * row that stays in the first cache levels: maximum, exp and sum (stored in y), scaling. 3 rows
 * cols flops and an exp each; reads rows cols, writes rows cols floats from and to memory. Tails
 * padded to a vector with -infinity, or in scalar loops.
 */
final class VectorSoftmax {
  /** The scratch that the rows take. */
  static final long SCRATCH_BYTES = 2 * Tail.SLOT_BYTES;

  private static final RangeBody<Void, Softmax.Forward> FORWARD =
      (none, a, scratch, from, to) ->
          forwardRows(a.x(), a.y(), scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<Void, Softmax.Backward> BACKWARD =
      (none, a, scratch, from, to) ->
          backwardRows(a.y(), a.gradY(), a.gradX(), scratch.reserve(SCRATCH_BYTES), from, to);

  private VectorSoftmax() {}

  static void forward(Softmax.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), null, a, FORWARD);
  }

  static void backward(Softmax.Backward a, WorkerPool pool) {
    pool.forRange(a.y().rows(), Lanes.rowsPerChunk(a.y().cols()), null, a, BACKWARD);
  }

  private static void forwardRows(Matrix x, Matrix y, MemorySegment scratch, long from, long to) {
    long bytes = x.cols() * Float.BYTES;
    for (long r = from; r < to; r++) {
      row(x.segment(), x.rowOffsetBytes(r), y.segment(), y.rowOffsetBytes(r), bytes, scratch);
    }
  }

  /**
   * Stores the probabilities of one row and returns its largest element; NaN if there is a NaN.
   *
   * @param xs the memory of the logits
   * @param xo the byte offset of the row
   * @param ys the memory of the probabilities
   * @param yo the byte offset of the row; both may be one
   * @param bytes the length of the row
   * @param scratch at least {@link #SCRATCH_BYTES}
   */
  static float row(
      MemorySegment xs, long xo, MemorySegment ys, long yo, long bytes, MemorySegment scratch) {
    long whole = Lanes.wholeBytes(bytes);
    long rest = bytes - whole;
    float max = max(xs, xo, bytes);
    if (!Float.isFinite(max)) {
      fill(ys, yo, bytes, max == Float.NEGATIVE_INFINITY ? 0f : Float.NaN);
      return max;
    }
    double sum = ExpSum.store(xs, xo, ys, yo, true, whole, max, 1, scratch);
    if (rest > 0) {
      Tail.pad(xs, xo + whole, rest, scratch, Tail.SLOT_BYTES, Float.NEGATIVE_INFINITY);
      long slot = Tail.SLOT_BYTES;
      sum += ExpSum.store(scratch, slot, scratch, slot, true, BYTES, max, 1, scratch);
      Tail.unpad(scratch, Tail.SLOT_BYTES, ys, yo + whole, rest);
    }
    scale(ys, yo, bytes, (float) (1 / sum));
    return max;
  }

  /** Returns the largest element; NaN if there is a NaN. */
  static float max(MemorySegment s, long offset, long bytes) {
    FloatVector max = FloatVector.broadcast(F32, Float.NEGATIVE_INFINITY);
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      max = max.max(FloatVector.fromMemorySegment(F32, s, offset + i, ORDER));
    }
    float result = max.reduceLanes(VectorOperators.MAX);
    for (; i < bytes; i += Float.BYTES) {
      result = Math.max(result, get(s, offset + i));
    }
    return result;
  }

  /** Multiplies the elements in place. */
  static void scale(MemorySegment s, long offset, long bytes, float factor) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, s, offset + i, ORDER)
          .mul(factor)
          .intoMemorySegment(s, offset + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      set(s, offset + i, get(s, offset + i) * factor);
    }
  }

  /** Sets all elements. */
  static void fill(MemorySegment s, long offset, long bytes, float value) {
    for (long i = 0; i < bytes; i += Float.BYTES) {
      set(s, offset + i, value);
    }
  }

  private static void backwardRows(
      Matrix y, Matrix gradY, Matrix gradX, MemorySegment scratch, long from, long to) {
    long bytes = y.cols() * Float.BYTES;
    for (long r = from; r < to; r++) {
      backwardRow(
          y.segment(),
          y.rowOffsetBytes(r),
          gradY.segment(),
          gradY.rowOffsetBytes(r),
          gradX.segment(),
          gradX.rowOffsetBytes(r),
          bytes,
          scratch);
    }
  }

  /** Stores y (dy - sum dy y) of one row; the result may lie over dy. */
  static void backwardRow(
      MemorySegment ys,
      long yo,
      MemorySegment gs,
      long go,
      MemorySegment xs,
      long xo,
      long bytes,
      MemorySegment scratch) {
    chain(ys, yo, gs, go, xs, xo, bytes, dot(ys, yo, gs, go, bytes, scratch));
  }

  private static float dot(
      MemorySegment ys, long yo, MemorySegment gs, long go, long bytes, MemorySegment scratch) {
    FloatVector products = FloatVector.zero(F32);
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      products =
          FloatVector.fromMemorySegment(F32, ys, yo + i, ORDER)
              .fma(FloatVector.fromMemorySegment(F32, gs, go + i, ORDER), products);
    }
    products.intoMemorySegment(scratch, 0, ORDER);
    float dot = Lanes.sum(scratch, 0);
    for (; i < bytes; i += Float.BYTES) {
      dot += get(ys, yo + i) * get(gs, go + i);
    }
    return dot;
  }

  /** Stores y (dy - dot). */
  private static void chain(
      MemorySegment ys,
      long yo,
      MemorySegment gs,
      long go,
      MemorySegment xs,
      long xo,
      long bytes,
      float dot) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, gs, go + i, ORDER)
          .sub(dot)
          .mul(FloatVector.fromMemorySegment(F32, ys, yo + i, ORDER))
          .intoMemorySegment(xs, xo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      set(xs, xo + i, get(ys, yo + i) * (get(gs, go + i) - dot));
    }
  }
}

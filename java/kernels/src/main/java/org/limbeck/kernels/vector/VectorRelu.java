// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * relu, Vector API. y = max(x, 0); gradX = gradY where x is above 0, and 0 elsewhere.
 *
 * <p>x, y, gradY, gradX f32 [rows, cols], any row stride, 4-byte aligned; y may be x, gradX may be
 * gradY. -0 gives +0, NaN gives NaN and passes no gradient. Exact. Rows are split over threads. One
 * comparison an element; reads rows cols (backward twice that), writes rows cols floats. Tails one
 * element at a time.
 */
final class VectorRelu {
  private static final RangeBody<Void, Elementwise.Forward> FORWARD =
      (none, a, scratch, from, to) -> forwardRows(a, from, to);

  private static final RangeBody<Void, Elementwise.Backward> BACKWARD =
      (none, a, scratch, from, to) -> backwardRows(a, from, to);

  private VectorRelu() {}

  static void forward(Elementwise.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), null, a, FORWARD);
  }

  static void backward(Elementwise.Backward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), null, a, BACKWARD);
  }

  private static void forwardRows(Elementwise.Forward a, long from, long to) {
    long bytes = a.x().cols() * Float.BYTES;
    for (long r = from; r < to; r++) {
      apply(
          a.x().segment(),
          a.x().rowOffsetBytes(r),
          a.y().segment(),
          a.y().rowOffsetBytes(r),
          bytes);
    }
  }

  private static void backwardRows(Elementwise.Backward a, long from, long to) {
    long bytes = a.x().cols() * Float.BYTES;
    for (long r = from; r < to; r++) {
      chain(
          a.x().segment(),
          a.x().rowOffsetBytes(r),
          a.gradY().segment(),
          a.gradY().rowOffsetBytes(r),
          a.gradX().segment(),
          a.gradX().rowOffsetBytes(r),
          bytes);
    }
  }

  /** Stores max(x, 0) of consecutive floats. */
  private static void apply(MemorySegment in, long io, MemorySegment out, long oo, long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, in, io + i, ORDER)
          .max(0f)
          .intoMemorySegment(out, oo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float y = Math.max(in.get(ValueLayout.JAVA_FLOAT, io + i), 0f);
      out.set(ValueLayout.JAVA_FLOAT, oo + i, y);
    }
  }

  private static void chain(
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment out,
      long oo,
      long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER);
      FloatVector.zero(F32)
          .blend(
              FloatVector.fromMemorySegment(F32, gs, go + i, ORDER),
              x.compare(VectorOperators.GT, 0f))
          .intoMemorySegment(out, oo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      boolean passes = xs.get(ValueLayout.JAVA_FLOAT, xo + i) > 0;
      out.set(ValueLayout.JAVA_FLOAT, oo + i, passes ? gs.get(ValueLayout.JAVA_FLOAT, go + i) : 0f);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.I32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Tanh;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * tanh, Vector API. Of t = |x|: below 0.625 the odd polynomial t + t^3 p(t^2) (Cephes), which loses
 * no digit near 0; from there on 1 - 2 e / (1 + e), e = exp(-2 t); then the sign of x. gradX =
 * gradY (1 - y) (1 + y), from the outputs.
 *
 * <p>x, y, gradY, gradX f32 [rows, cols], any row stride, 4-byte aligned; y of the forward
 * operation may be x, gradX may be gradY. +-infinity gives +-1 with slope 0, NaN gives NaN, -0
 * gives -0; tanh(-x) is -tanh(x) to the bit. Error of y below 2e-7 relative, of gradX four
 * roundings. No sums. Rows are split over threads. Three passes over blocks in the first cache
 * level, 30 flops with one exp and one division an element (backward four flops); reads rows cols
 * (backward twice that), writes rows cols floats. Tails in scratch, padded with 0; backward one
 * element at a time.
 */
final class VectorTanh {
  // Scratch: a slot of the exponentials' sum; x and result of a tail; a block.
  private static final long X = Tail.SLOT_BYTES;
  private static final long RESULT = 2 * Tail.SLOT_BYTES;
  private static final long BLOCK = 3 * Tail.SLOT_BYTES;
  private static final long SCRATCH_BYTES = BLOCK + ExpSum.BLOCK_BYTES;

  /** Below this |x| the polynomial serves. */
  private static final float SMALL = 0.625f;

  private static final RangeBody<Void, Elementwise.Forward> FORWARD =
      (none, a, scratch, from, to) -> forwardRows(a, scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<Void, Tanh.Backward> BACKWARD =
      (none, a, scratch, from, to) -> backwardRows(a, from, to);

  private VectorTanh() {}

  static void forward(Elementwise.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), null, a, FORWARD);
  }

  static void backward(Tanh.Backward a, WorkerPool pool) {
    pool.forRange(a.y().rows(), Lanes.rowsPerChunk(a.y().cols()), null, a, BACKWARD);
  }

  private static void forwardRows(
      Elementwise.Forward a, MemorySegment scratch, long from, long to) {
    MemorySegment xs = a.x().segment();
    MemorySegment ys = a.y().segment();
    long bytes = a.x().cols() * Float.BYTES;
    long whole = Lanes.wholeBytes(bytes);
    long rest = bytes - whole;
    for (long r = from; r < to; r++) {
      long xo = a.x().rowOffsetBytes(r);
      long yo = a.y().rowOffsetBytes(r);
      for (long i = 0; i < whole; i += ExpSum.BLOCK_BYTES) {
        block(xs, xo + i, ys, yo + i, Math.min(ExpSum.BLOCK_BYTES, whole - i), scratch);
      }
      if (rest > 0) {
        Tail.pad(xs, xo + whole, rest, scratch, X, 0f);
        block(scratch, X, scratch, RESULT, BYTES, scratch);
        Tail.unpad(scratch, RESULT, ys, yo + whole, rest);
      }
    }
  }

  private static void backwardRows(Tanh.Backward a, long from, long to) {
    long bytes = a.y().cols() * Float.BYTES;
    for (long r = from; r < to; r++) {
      chain(
          a.y().segment(),
          a.y().rowOffsetBytes(r),
          a.gradY().segment(),
          a.gradY().rowOffsetBytes(r),
          a.gradX().segment(),
          a.gradX().rowOffsetBytes(r),
          bytes);
    }
  }

  private static void block(
      MemorySegment in, long io, MemorySegment out, long oo, long bytes, MemorySegment scratch) {
    magnitudes(in, io, scratch, BLOCK, bytes);
    ExpSum.store(scratch, BLOCK, scratch, BLOCK, true, bytes, 0, 2, scratch);
    apply(in, io, scratch, BLOCK, out, oo, bytes);
  }

  /** Stores -|x| of whole vectors. */
  private static void magnitudes(
      MemorySegment in, long io, MemorySegment out, long oo, long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      IntVector.fromMemorySegment(I32, in, io + i, ORDER)
          .or(Integer.MIN_VALUE)
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** Stores tanh(x) of whole vectors, exp(-2 |x|) given; the latter is undefined for NaN. */
  private static void apply(
      MemorySegment in,
      long io,
      MemorySegment es,
      long eo,
      MemorySegment out,
      long oo,
      long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, in, io + i, ORDER);
      FloatVector t = x.abs();
      FloatVector s = t.mul(t);
      FloatVector p =
          s.fma(
              FloatVector.broadcast(F32, -5.70498872745e-3f),
              FloatVector.broadcast(F32, 2.06390887954e-2f));
      p = p.fma(s, FloatVector.broadcast(F32, -5.37397155531e-2f));
      p = p.fma(s, FloatVector.broadcast(F32, 1.33314422036e-1f));
      p = p.fma(s, FloatVector.broadcast(F32, -3.33332819422e-1f));
      FloatVector small = p.mul(s).fma(t, t);
      FloatVector e = FloatVector.fromMemorySegment(F32, es, eo + i, ORDER);
      FloatVector one = FloatVector.broadcast(F32, 1f);
      FloatVector large = one.sub(e.add(e).div(e.add(one)));
      // NaN is not above SMALL, and stays NaN in the polynomial.
      IntVector y = small.blend(large, t.compare(VectorOperators.GE, SMALL)).reinterpretAsInts();
      x.reinterpretAsInts()
          .and(Integer.MIN_VALUE)
          .or(y)
          .reinterpretAsFloats()
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** Stores dy (1 - y) (1 + y) of consecutive floats. */
  private static void chain(
      MemorySegment ys,
      long yo,
      MemorySegment gs,
      long go,
      MemorySegment out,
      long oo,
      long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    FloatVector one = FloatVector.broadcast(F32, 1f);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector y = FloatVector.fromMemorySegment(F32, ys, yo + i, ORDER);
      one.sub(y)
          .mul(one.add(y))
          .mul(FloatVector.fromMemorySegment(F32, gs, go + i, ORDER))
          .intoMemorySegment(out, oo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float y = ys.get(ValueLayout.JAVA_FLOAT, yo + i);
      float slope = (1 - y) * (1 + y);
      out.set(ValueLayout.JAVA_FLOAT, oo + i, slope * gs.get(ValueLayout.JAVA_FLOAT, go + i));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * gelu, Vector API. ERF: y = x P(x), dy/dx = P(x) + x p(x), P(x) = 1 / (1 + exp(-x q(x^2))) with a
 * polynomial q of degree 8, so that no digit is lost for negative x. TANH: y = x / (1 + exp(-2 u)),
 * u = sqrt(2 / pi) (x + 0.044715 x^3), which is x / 2 (1 + tanh u).
 *
 * <p>x, y, gradY, gradX f32 [rows, cols], any row stride, 4-byte aligned; y may be x, gradX may be
 * gradY. +infinity gives +infinity, -infinity gives 0, NaN gives NaN. Error of y below 8e-8 for
 * negative x, below 1e-6 relative for positive x. No sums. Rows are split over threads. One pass
 * (backward in the erf form two over blocks of 1024), 35 flops with one exp (two) and one division
 * an element; reads rows cols (backward twice that), writes rows cols floats. Tails in scratch,
 * padded with 0.
 */
final class VectorGelu {
  private static final long BLOCK_OFFSET = 3 * Tail.SLOT_BYTES;
  private static final long BLOCK_BYTES = 4096;
  private static final long SCRATCH_BYTES = BLOCK_OFFSET + BLOCK_BYTES;

  /** From this |x| on, exp(-x^2 / 2) and what stands for it are 0 in float. */
  private static final float LIMIT = 40f;

  private static final float DENSITY_AT_ZERO = 0.3989422804f;
  private static final float TANH_SCALE = 1.5957691216f; // 2 sqrt(2 / pi)
  private static final float TANH_CUBIC = 0.044715f;

  private static final RangeBody<Void, Elementwise.Forward> FORWARD_ERF =
      (none, a, scratch, from, to) ->
          forwardRows(true, a.x(), a.y(), scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<Void, Elementwise.Forward> FORWARD_TANH =
      (none, a, scratch, from, to) ->
          forwardRows(false, a.x(), a.y(), scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<Void, Elementwise.Backward> BACKWARD_ERF =
      (none, a, scratch, from, to) ->
          backwardRows(true, a, scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<Void, Elementwise.Backward> BACKWARD_TANH =
      (none, a, scratch, from, to) ->
          backwardRows(false, a, scratch.reserve(SCRATCH_BYTES), from, to);

  private VectorGelu() {}

  static Kernel<Elementwise.Forward> forward(Gelu.Spec spec) {
    return spec.form() == Gelu.Form.ERF
        ? (a, pool) -> run(a, pool, FORWARD_ERF)
        : (a, pool) -> run(a, pool, FORWARD_TANH);
  }

  static Kernel<Elementwise.Backward> backward(Gelu.Spec spec) {
    return spec.form() == Gelu.Form.ERF
        ? (a, pool) -> run(a, pool, BACKWARD_ERF)
        : (a, pool) -> run(a, pool, BACKWARD_TANH);
  }

  private static void run(
      Elementwise.Forward a, WorkerPool pool, RangeBody<Void, Elementwise.Forward> body) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), null, a, body);
  }

  private static void run(
      Elementwise.Backward a, WorkerPool pool, RangeBody<Void, Elementwise.Backward> body) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), null, a, body);
  }

  private static void forwardRows(
      boolean erf, Matrix x, Matrix y, MemorySegment scratch, long from, long to) {
    MemorySegment xs = x.segment();
    MemorySegment ys = y.segment();
    long bytes = x.cols() * Float.BYTES;
    for (long r = from; r < to; r++) {
      if (erf) {
        applyErf(xs, x.rowOffsetBytes(r), ys, y.rowOffsetBytes(r), bytes, scratch);
      } else {
        applyTanh(xs, x.rowOffsetBytes(r), ys, y.rowOffsetBytes(r), bytes, scratch);
      }
    }
  }

  private static void backwardRows(
      boolean erf, Elementwise.Backward a, MemorySegment scratch, long from, long to) {
    MemorySegment xs = a.x().segment();
    MemorySegment gs = a.gradY().segment();
    MemorySegment out = a.gradX().segment();
    long bytes = a.x().cols() * Float.BYTES;
    long whole = Lanes.wholeBytes(bytes);
    long rest = bytes - whole;
    for (long r = from; r < to; r++) {
      long xo = a.x().rowOffsetBytes(r);
      long go = a.gradY().rowOffsetBytes(r);
      long oo = a.gradX().rowOffsetBytes(r);
      chain(erf, xs, xo, gs, go, out, oo, whole, scratch);
      if (rest > 0) {
        Tail.pad(xs, xo + whole, rest, scratch, 0, 0f);
        Tail.pad(gs, go + whole, rest, scratch, Tail.SLOT_BYTES, 0f);
        long slot = 2 * Tail.SLOT_BYTES;
        chain(erf, scratch, 0, scratch, Tail.SLOT_BYTES, scratch, slot, BYTES, scratch);
        Tail.unpad(scratch, slot, out, oo + whole, rest);
      }
    }
  }

  private static void chain(
      boolean erf,
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment out,
      long oo,
      long bytes,
      MemorySegment scratch) {
    if (erf) {
      chainErf(xs, xo, gs, go, out, oo, bytes, scratch);
    } else {
      chainTanh(xs, xo, gs, go, out, oo, bytes);
    }
  }

  /**
   * Stores gelu in the erf form of consecutive floats. Also the epilogue of matrix products.
   *
   * @param in the inputs
   * @param inOffset their byte offset
   * @param out the results; may be the inputs
   * @param outOffset their byte offset
   * @param bytes the length of the inputs
   * @param scratch two slots for the tail
   */
  static void applyErf(
      MemorySegment in,
      long inOffset,
      MemorySegment out,
      long outOffset,
      long bytes,
      MemorySegment scratch) {
    long whole = Lanes.wholeBytes(bytes);
    erf(in, inOffset, out, outOffset, whole);
    if (bytes > whole) {
      Tail.pad(in, inOffset + whole, bytes - whole, scratch, 0, 0f);
      erf(scratch, 0, scratch, Tail.SLOT_BYTES, BYTES);
      Tail.unpad(scratch, Tail.SLOT_BYTES, out, outOffset + whole, bytes - whole);
    }
  }

  private static void applyTanh(
      MemorySegment in,
      long inOffset,
      MemorySegment out,
      long outOffset,
      long bytes,
      MemorySegment scratch) {
    long whole = Lanes.wholeBytes(bytes);
    tanh(in, inOffset, out, outOffset, whole);
    if (bytes > whole) {
      Tail.pad(in, inOffset + whole, bytes - whole, scratch, 0, 0f);
      tanh(scratch, 0, scratch, Tail.SLOT_BYTES, BYTES);
      Tail.unpad(scratch, Tail.SLOT_BYTES, out, outOffset + whole, bytes - whole);
    }
  }

  /** Stores x P(x) of whole vectors. */
  private static void erf(MemorySegment in, long io, MemorySegment out, long oo, long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, in, io + i, ORDER);
      // -infinity times a P of 0 would be NaN.
      FloatVector bounded = x.max(-LIMIT);
      FloatVector t = bounded.abs();
      FloatVector e = VectorMath.exp(t.mul(logit(t)));
      FloatVector top = broadcast(1f).blend(e, x.compare(VectorOperators.LT, 0f));
      bounded.mul(top.div(e.add(1f))).intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** Stores P(x) of whole vectors. */
  private static void distribution(
      MemorySegment in, long io, MemorySegment out, long oo, long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, in, io + i, ORDER);
      FloatVector t = x.abs();
      FloatVector e = VectorMath.exp(t.mul(logit(t)));
      FloatVector top = broadcast(1f).blend(e, x.compare(VectorOperators.LT, 0f));
      top.div(e.add(1f)).intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** Stores dy (P(x) + x p(x)) of whole vectors, P(x) given. */
  private static void slopeErf(
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment ps,
      long po,
      MemorySegment out,
      long oo,
      long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).max(-LIMIT).min(LIMIT);
      VectorMath.exp(x.mul(x).mul(-0.5f))
          .mul(DENSITY_AT_ZERO)
          .fma(x, FloatVector.fromMemorySegment(F32, ps, po + i, ORDER))
          .mul(FloatVector.fromMemorySegment(F32, gs, go + i, ORDER))
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** Stores dy (P(x) + x p(x)) of whole vectors: two leaves, each with one exp. */
  private static void chainErf(
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment out,
      long oo,
      long bytes,
      MemorySegment scratch) {
    for (long i = 0; i < bytes; i += BLOCK_BYTES) {
      long length = Math.min(BLOCK_BYTES, bytes - i);
      distribution(xs, xo + i, scratch, BLOCK_OFFSET, length);
      slopeErf(xs, xo + i, gs, go + i, scratch, BLOCK_OFFSET, out, oo + i, length);
    }
  }

  /**
   * Returns log((1 - P(t)) / P(t)) / t for t of at least 0: a polynomial in t^2 up to t = 5.6, of
   * least error in t P(t), 2.5e-8 before rounding; constant from there on, where t (1 - P(t)) is
   * below 6e-8.
   */
  private static FloatVector logit(FloatVector t) {
    FloatVector s = t.mul(t).min(31.36f);
    FloatVector q = s.fma(broadcast(3.838540163e-12f), broadcast(-2.316183773e-10f));
    q = q.fma(s, broadcast(1.538572603e-9f));
    q = q.fma(s, broadcast(2.15105004e-7f));
    q = q.fma(s, broadcast(-7.720758731e-6f));
    q = q.fma(s, broadcast(1.104193434e-4f));
    q = q.fma(s, broadcast(6.43034e-5f));
    q = q.fma(s, broadcast(-0.07266428322f));
    return q.fma(s, broadcast(-1.595770717f));
  }

  /** Stores x / (1 + exp(-2 u)) of whole vectors. */
  private static void tanh(MemorySegment in, long io, MemorySegment out, long oo, long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, in, io + i, ORDER);
      FloatVector bounded = x.max(-LIMIT);
      FloatVector t = bounded.abs().min(LIMIT);
      // exp of minus twice |u|, which never overflows.
      FloatVector cubic = t.mul(t).fma(broadcast(TANH_CUBIC), broadcast(1f));
      FloatVector e = VectorMath.exp(t.mul(-TANH_SCALE).mul(cubic));
      VectorMask<Float> below = x.compare(VectorOperators.LT, 0f);
      FloatVector top = broadcast(1f).blend(e, below);
      bounded.mul(top.div(e.add(1f))).intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** Stores dy (s + x s (1 - s) 2 du/dx), s = 1 / (1 + exp(-2 u)), of whole vectors. */
  private static void chainTanh(
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment out,
      long oo,
      long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).max(-LIMIT).min(LIMIT);
      FloatVector t = x.abs();
      FloatVector square = t.mul(t);
      FloatVector cubic = square.fma(broadcast(TANH_CUBIC), broadcast(1f));
      FloatVector e = VectorMath.exp(t.mul(-TANH_SCALE).mul(cubic));
      FloatVector inverse = broadcast(1f).div(e.add(1f));
      VectorMask<Float> below = x.compare(VectorOperators.LT, 0f);
      FloatVector s = broadcast(1f).blend(e, below).mul(inverse);
      FloatVector slope = square.fma(broadcast(3 * TANH_CUBIC * TANH_SCALE), broadcast(TANH_SCALE));
      FloatVector spread = e.mul(inverse).mul(inverse).mul(x);
      spread
          .fma(slope, s)
          .mul(FloatVector.fromMemorySegment(F32, gs, go + i, ORDER))
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(F32, value);
  }
}

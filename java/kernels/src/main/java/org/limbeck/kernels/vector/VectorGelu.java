// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * gelu, Vector API. Both directions are a factor times a function f of x with f(-t) = 1 - f(t): y =
 * x P(x), gradX = gradY dy/dx. With t = |x|, ERF: 1 - P(t) = exp(-t^2 / 2) R(t), 1 - dy/dx(t) =
 * exp(-t^2 / 2) (R(t) - t / sqrt(2 pi)), R a polynomial. TANH: P(x) = s = 1 / (1 + exp(-2 u)), u =
 * sqrt(2 / pi) (x + 0.044715 x^3), dy/dx = s + x s (1 - s) 2 du/dx.
 *
 * <p>x, y, gradY, gradX f32 [rows, cols], any row stride, 4-byte aligned; y may be x, gradX may be
 * gradY. +infinity gives +infinity, -infinity gives 0, NaN gives NaN. Error of y below 8e-8 for
 * negative x, below 1e-6 relative for positive x. No sums. Rows are split over threads. ERF one
 * pass, 48 flops an element; TANH over blocks in the first cache level, 35 flops with one exp and
 * one division. Reads rows cols (backward twice that), writes rows cols floats from and to memory.
 * Tails in scratch, padded with 0.
 */
final class VectorGelu {
  // Scratch: a slot of the exponentials' sum; x, factor and result of a tail; a block.
  private static final long X = Tail.SLOT_BYTES;
  private static final long FACTOR = 2 * Tail.SLOT_BYTES;
  private static final long RESULT = 3 * Tail.SLOT_BYTES;
  private static final long BLOCK = 4 * Tail.SLOT_BYTES;
  private static final long SCRATCH_BYTES = BLOCK + ExpSum.BLOCK_BYTES;

  /** The scratch that {@link #applyErf} takes. */
  static final long ERF_SCRATCH_BYTES = BLOCK;

  /** From this |x| on, 1 - P(|x|), below 1e-37, is taken as 0; before, exp is a normal float. */
  private static final float ERF_LIMIT = 13f;

  // -log2(e) / 2, and 1.5 * 2^23, which rounds to an integer and leaves it in the low bits.
  private static final float EXPONENT = -0.72134752f;
  private static final float ROUND = 12_582_912f;

  // The linear coefficients of R and of R - t / sqrt(2 pi).
  private static final float LINEAR_VALUE = -0.3989416957f;
  private static final float LINEAR_SLOPE = -0.7978839761f;

  /** Bounds x: 0 times infinity would be NaN. */
  private static final float LIMIT = 40f;

  private static final float TANH_SCALE = 1.5957691216f; // 2 sqrt(2 / pi)
  private static final float TANH_CUBIC = 0.044715f;

  private static final RangeBody<VectorGelu, Elementwise.Forward> FORWARD =
      (kernel, a, scratch, from, to) ->
          kernel.rows(false, a.x(), a.x(), a.y(), scratch.reserve(SCRATCH_BYTES), from, to);

  private static final RangeBody<VectorGelu, Elementwise.Backward> BACKWARD =
      (kernel, a, scratch, from, to) ->
          kernel.rows(true, a.x(), a.gradY(), a.gradX(), scratch.reserve(SCRATCH_BYTES), from, to);

  private final boolean erf;

  private VectorGelu(Gelu.Spec spec) {
    erf = spec.form() == Gelu.Form.ERF;
  }

  static Kernel<Elementwise.Forward> forward(Gelu.Spec spec) {
    return new VectorGelu(spec)::run;
  }

  static Kernel<Elementwise.Backward> backward(Gelu.Spec spec) {
    return new VectorGelu(spec)::run;
  }

  private void run(Elementwise.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), this, a, FORWARD);
  }

  private void run(Elementwise.Backward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), this, a, BACKWARD);
  }

  private void rows(
      boolean slope,
      Matrix x,
      Matrix factor,
      Matrix out,
      MemorySegment scratch,
      long from,
      long to) {
    for (long r = from; r < to; r++) {
      row(
          erf,
          slope,
          x.segment(),
          x.rowOffsetBytes(r),
          factor.segment(),
          factor.rowOffsetBytes(r),
          out.segment(),
          out.rowOffsetBytes(r),
          x.cols() * Float.BYTES,
          scratch);
    }
  }

  /**
   * Stores gelu in the erf form of consecutive floats, in place. The epilogue of matrix products.
   *
   * @param s the inputs and results
   * @param offset their byte offset
   * @param bytes their length
   * @param scratch {@link #ERF_SCRATCH_BYTES}
   */
  static void applyErf(MemorySegment s, long offset, long bytes, MemorySegment scratch) {
    row(true, false, s, offset, s, offset, s, offset, bytes, scratch);
  }

  private static void row(
      boolean erf,
      boolean slope,
      MemorySegment xs,
      long xo,
      MemorySegment ms,
      long mo,
      MemorySegment out,
      long oo,
      long bytes,
      MemorySegment scratch) {
    long whole = Lanes.wholeBytes(bytes);
    long rest = bytes - whole;
    for (long i = 0; i < whole; i += ExpSum.BLOCK_BYTES) {
      long length = Math.min(ExpSum.BLOCK_BYTES, whole - i);
      block(erf, slope, xs, xo + i, ms, mo + i, out, oo + i, length, scratch);
    }
    if (rest > 0) {
      Tail.pad(xs, xo + whole, rest, scratch, X, 0f);
      Tail.pad(ms, mo + whole, rest, scratch, FACTOR, 0f);
      block(erf, slope, scratch, X, scratch, FACTOR, scratch, RESULT, BYTES, scratch);
      Tail.unpad(scratch, RESULT, out, oo + whole, rest);
    }
  }

  /** Whole vectors, at most {@link ExpSum#BLOCK_BYTES}. */
  private static void block(
      boolean erf,
      boolean slope,
      MemorySegment xs,
      long xo,
      MemorySegment ms,
      long mo,
      MemorySegment out,
      long oo,
      long bytes,
      MemorySegment scratch) {
    if (erf) {
      float linear = slope ? LINEAR_SLOPE : LINEAR_VALUE;
      float lowest = slope ? Float.NEGATIVE_INFINITY : -LIMIT;
      erf(xs, xo, ms, mo, out, oo, bytes, linear, lowest);
      return;
    }
    tanhArgument(xs, xo, scratch, BLOCK, bytes);
    ExpSum.store(scratch, BLOCK, scratch, BLOCK, true, bytes, 0, 1, scratch);
    if (slope) {
      tanhSlope(xs, xo, scratch, BLOCK, ms, mo, out, oo, bytes);
    } else {
      tanhValue(xs, xo, scratch, BLOCK, out, oo, bytes);
    }
  }

  /**
   * Stores factors times f(x), f being P or dy/dx of the erf form, of whole vectors. The
   * exponential as in {@link ExpSum}; R of least error in t exp(-t^2 / 2) R(t), 9e-9, and exact at
   * 0.
   *
   * @param linear the linear coefficient of the polynomial, which makes it P or dy/dx
   * @param lowest what factors below it are raised to
   */
  private static void erf(
      MemorySegment xs,
      long xo,
      MemorySegment ms,
      long mo,
      MemorySegment out,
      long oo,
      long bytes,
      float linear,
      float lowest) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER);
      FloatVector t = x.abs();
      FloatVector s = x.mul(x);
      FloatVector n =
          s.fma(FloatVector.broadcast(F32, EXPONENT), FloatVector.broadcast(F32, ROUND));
      FloatVector f =
          s.fma(FloatVector.broadcast(F32, EXPONENT), FloatVector.broadcast(F32, ROUND).sub(n));
      FloatVector p =
          f.fma(
              FloatVector.broadcast(F32, 1.5353362e-4f), FloatVector.broadcast(F32, 1.3398875e-3f));
      p = p.fma(f, FloatVector.broadcast(F32, 9.61843692e-3f));
      p = p.fma(f, FloatVector.broadcast(F32, 5.55033237e-2f));
      p = p.fma(f, FloatVector.broadcast(F32, 0.240226477f));
      p = p.fma(f, FloatVector.broadcast(F32, 0.693147182f));
      p = p.fma(f, FloatVector.broadcast(F32, 1f));
      FloatVector e =
          p.reinterpretAsInts()
              .add(n.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
              .reinterpretAsFloats();
      FloatVector r =
          t.fma(
              FloatVector.broadcast(F32, 4.615484172632023e-08f),
              FloatVector.broadcast(F32, -1.3246194612293039e-06f));
      r = r.fma(t, FloatVector.broadcast(F32, 1.719164356472902e-05f));
      r = r.fma(t, FloatVector.broadcast(F32, -0.00013506150571629405f));
      r = r.fma(t, FloatVector.broadcast(F32, 0.000729811261408031f));
      r = r.fma(t, FloatVector.broadcast(F32, -0.0029464326798915863f));
      r = r.fma(t, FloatVector.broadcast(F32, 0.009505243971943855f));
      r = r.fma(t, FloatVector.broadcast(F32, -0.025929313153028488f));
      r = r.fma(t, FloatVector.broadcast(F32, 0.06218541041016579f));
      r = r.fma(t, FloatVector.broadcast(F32, -0.1328934282064438f));
      r = r.fma(t, FloatVector.broadcast(F32, 0.24998785555362701f));
      r = r.fma(t, FloatVector.broadcast(F32, linear));
      r = r.fma(t, FloatVector.broadcast(F32, 0.5f)).mul(e);
      // What the exponential is beyond the limit is undefined. NaN is not beyond, and stays in r.
      r = r.blend(0f, t.compare(VectorOperators.GE, ERF_LIMIT));
      FloatVector above = FloatVector.broadcast(F32, 1f).sub(r);
      FloatVector m = FloatVector.fromMemorySegment(F32, ms, mo + i, ORDER);
      m.blend(lowest, m.compare(VectorOperators.LT, lowest))
          .mul(above.blend(r, x.compare(VectorOperators.LT, 0f)))
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** Stores -2 |u| of whole vectors. */
  private static void tanhArgument(
      MemorySegment xs, long xo, MemorySegment out, long oo, long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector t = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).abs();
      t = t.blend(LIMIT, t.compare(VectorOperators.GT, LIMIT));
      t.mul(t)
          .fma(
              FloatVector.broadcast(F32, -TANH_CUBIC * TANH_SCALE),
              FloatVector.broadcast(F32, -TANH_SCALE))
          .mul(t)
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** Stores x s of whole vectors, e = exp(-2 |u|) given: s is 1 / (1 + e) or e / (1 + e). */
  private static void tanhValue(
      MemorySegment xs,
      long xo,
      MemorySegment es,
      long eo,
      MemorySegment out,
      long oo,
      long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER);
      FloatVector e = FloatVector.fromMemorySegment(F32, es, eo + i, ORDER);
      FloatVector one = FloatVector.broadcast(F32, 1f);
      x.blend(-LIMIT, x.compare(VectorOperators.LT, -LIMIT))
          .mul(one.blend(e, x.compare(VectorOperators.LT, 0f)).div(e.add(1f)))
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** Stores dy (s + x s (1 - s) 2 du/dx) of whole vectors, e given. */
  private static void tanhSlope(
      MemorySegment xs,
      long xo,
      MemorySegment es,
      long eo,
      MemorySegment gs,
      long go,
      MemorySegment out,
      long oo,
      long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER);
      x = x.blend(-LIMIT, x.compare(VectorOperators.LT, -LIMIT));
      x = x.blend(LIMIT, x.compare(VectorOperators.GT, LIMIT));
      FloatVector e = FloatVector.fromMemorySegment(F32, es, eo + i, ORDER);
      FloatVector one = FloatVector.broadcast(F32, 1f);
      FloatVector inverse = one.div(e.add(1f));
      FloatVector s = one.blend(e, x.compare(VectorOperators.LT, 0f)).mul(inverse);
      FloatVector slope =
          x.mul(x)
              .fma(
                  FloatVector.broadcast(F32, 3 * TANH_CUBIC * TANH_SCALE),
                  FloatVector.broadcast(F32, TANH_SCALE));
      e.mul(inverse)
          .mul(inverse)
          .mul(x)
          .fma(slope, s)
          .mul(FloatVector.fromMemorySegment(F32, gs, go + i, ORDER))
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }
}

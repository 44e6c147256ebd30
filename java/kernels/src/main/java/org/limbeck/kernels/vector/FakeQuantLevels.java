// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.F64;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * fake_quant: the loops that turn whole vectors of values into quantized values or, as floats, into
 * codes. The arithmetic of the reference in its order, so that equal statistics give equal bits.
 * Bounds by comparisons, so that NaN stays; no loop calls a method of ours, as in {@link ExpSum}.
 */
final class FakeQuantLevels {
  // 1.5 * 2^23: adding and subtracting it rounds half to even and turns -0 into +0, for
  // magnitudes up to 2^22; NaN and infinities stay.
  private static final float ROUND = 12_582_912f;

  private FakeQuantLevels() {}

  /** Codes 1, 0, -1 times alpha by |x| above the threshold; alpha 1 gives the codes. */
  static void ternary(
      MemorySegment xs,
      long xo,
      MemorySegment out,
      long oo,
      long bytes,
      float threshold,
      float alpha) {
    // A NaN alpha belongs to a group of NaN, where 0 becomes NaN too.
    FloatVector zero = FloatVector.broadcast(F32, 0 * alpha);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER);
      zero.blend(alpha, x.compare(VectorOperators.GT, threshold))
          .blend(-alpha, x.compare(VectorOperators.LT, -threshold))
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** code = round(x' * factor); y = code / factor. */
  static void symmetric(
      MemorySegment xs,
      long xo,
      MemorySegment out,
      long oo,
      long bytes,
      float clip,
      float factor,
      boolean codes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER);
      x = x.blend(clip, x.compare(VectorOperators.GT, clip));
      x = x.blend(-clip, x.compare(VectorOperators.LT, -clip));
      FloatVector code = x.mul(factor).add(ROUND).sub(ROUND);
      if (codes) {
        code.intoMemorySegment(out, oo + i, ORDER);
      } else {
        code.div(factor).intoMemorySegment(out, oo + i, ORDER);
      }
    }
  }

  /** code = round((x' - low) / range * levels); y = code / levels * range + low. */
  static void minMax(
      MemorySegment xs,
      long xo,
      MemorySegment out,
      long oo,
      long bytes,
      float clip,
      float low,
      float range,
      float levels,
      boolean codes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER);
      x = x.blend(clip, x.compare(VectorOperators.GT, clip));
      x = x.blend(-clip, x.compare(VectorOperators.LT, -clip));
      FloatVector code = x.sub(low).div(range).mul(levels).add(ROUND).sub(ROUND);
      if (codes) {
        code.intoMemorySegment(out, oo + i, ORDER);
      } else {
        code.div(levels).mul(range).add(low).intoMemorySegment(out, oo + i, ORDER);
      }
    }
  }

  /** code = round(clamp(x / step, -qp - 1, qp)); y = code * step. */
  static void learnedStep(
      MemorySegment xs,
      long xo,
      MemorySegment out,
      long oo,
      long bytes,
      float step,
      float qp,
      boolean codes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).div(step);
      v = v.blend(qp, v.compare(VectorOperators.GT, qp));
      v = v.blend(-qp - 1, v.compare(VectorOperators.LT, -qp - 1));
      FloatVector code = v.add(ROUND).sub(ROUND);
      if (codes) {
        code.intoMemorySegment(out, oo + i, ORDER);
      } else {
        code.mul(step).intoMemorySegment(out, oo + i, ORDER);
      }
    }
  }

  /**
   * One of four values: the outer ones where |x| is above the limit, on the negative side also at
   * the limit if it is a tie (half to even), else the inner ones; 0 counts as positive.
   *
   * @param clip the bound of x, which may be below the limit
   * @param tie the magnitude from which on negative values are outer: the limit if three times it
   *     is exactly twice the top level, else the next float
   */
  static void fourLevels(
      MemorySegment xs,
      long xo,
      MemorySegment out,
      long oo,
      long bytes,
      float clip,
      float limit,
      float tie,
      float level0,
      float level1,
      float level2,
      float level3) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER);
      x = x.blend(clip, x.compare(VectorOperators.GT, clip));
      x = x.blend(-clip, x.compare(VectorOperators.LT, -clip));
      FloatVector.broadcast(F32, level2)
          .blend(level3, x.compare(VectorOperators.GT, limit))
          .blend(level1, x.compare(VectorOperators.LT, 0f))
          .blend(level0, x.compare(VectorOperators.LE, -tie).and(x.compare(VectorOperators.LT, 0f)))
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** The negative level below 0, else the positive one. */
  static void twoLevels(
      MemorySegment xs,
      long xo,
      MemorySegment out,
      long oo,
      long bytes,
      float negative,
      float positive) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector.broadcast(F32, positive)
          .blend(
              negative,
              FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).compare(VectorOperators.LT, 0f))
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /** gradY where |x| is below a bound, else 0. */
  static void clippedGradient(
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment out,
      long oo,
      long bytes,
      float bound) {
    FloatVector zero = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      VectorMask<Float> passes =
          FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER)
              .abs()
              .compare(VectorOperators.LT, bound);
      zero.blend(FloatVector.fromMemorySegment(F32, gs, go + i, ORDER), passes)
          .intoMemorySegment(out, oo + i, ORDER);
    }
  }

  /**
   * The gradient of a learned step: gradY where x / step is in range, or everywhere, to {@code
   * out}; returns the sum of gradY times the slope, in double lanes, where a product of floats is
   * exact.
   */
  static double learnedStepGradient(
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment out,
      long oo,
      long bytes,
      float step,
      float qp,
      boolean everywhere,
      MemorySegment scratch) {
    FloatVector zero = FloatVector.zero(F32);
    DoubleVector low = DoubleVector.zero(F64);
    DoubleVector high = DoubleVector.zero(F64);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).div(step);
      FloatVector g = FloatVector.fromMemorySegment(F32, gs, go + i, ORDER);
      FloatVector bounded = v.blend(qp, v.compare(VectorOperators.GT, qp));
      bounded = bounded.blend(-qp - 1, v.compare(VectorOperators.LT, -qp - 1));
      VectorMask<Float> inside = v.compare(VectorOperators.EQ, bounded);
      FloatVector slope = bounded.blend(v.add(ROUND).sub(ROUND).sub(v), inside);
      low =
          (DoubleVector)
              g.convertShape(VectorOperators.F2D, F64, 0)
                  .lanewise(
                      VectorOperators.FMA, slope.convertShape(VectorOperators.F2D, F64, 0), low);
      high =
          (DoubleVector)
              g.convertShape(VectorOperators.F2D, F64, 1)
                  .lanewise(
                      VectorOperators.FMA, slope.convertShape(VectorOperators.F2D, F64, 1), high);
      if (everywhere) {
        g.intoMemorySegment(out, oo + i, ORDER);
      } else {
        zero.blend(g, inside).intoMemorySegment(out, oo + i, ORDER);
      }
    }
    low.add(high).intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sumDoubles(scratch, 0);
  }
}

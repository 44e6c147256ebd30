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
 */
final class FakeQuantLevels {
  // 1.5 * 2^23: adding and subtracting it rounds half to even and turns -0 into +0, for
  // magnitudes up to 2^22; NaN and infinities stay.
  private static final float ROUND = 12_582_912f;

  private FakeQuantLevels() {}

  private static FloatVector load(MemorySegment s, long offset) {
    return FloatVector.fromMemorySegment(F32, s, offset, ORDER);
  }

  private static FloatVector round(FloatVector v) {
    return v.add(ROUND).sub(ROUND);
  }

  /** Returns v between two bounds; NaN stays. */
  private static FloatVector bound(FloatVector v, float low, float high) {
    v = v.blend(high, v.compare(VectorOperators.GT, high));
    return v.blend(low, v.compare(VectorOperators.LT, low));
  }

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
      FloatVector x = load(xs, xo + i);
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
      FloatVector code = round(bound(load(xs, xo + i), -clip, clip).mul(factor));
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
      FloatVector v = bound(load(xs, xo + i), -clip, clip);
      FloatVector code = round(v.sub(low).div(range).mul(levels));
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
      FloatVector code = round(bound(load(xs, xo + i).div(step), -qp - 1, qp));
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
      FloatVector x = bound(load(xs, xo + i), -clip, clip);
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
          .blend(negative, load(xs, xo + i).compare(VectorOperators.LT, 0f))
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
      VectorMask<Float> passes = load(xs, xo + i).abs().compare(VectorOperators.LT, bound);
      zero.blend(load(gs, go + i), passes).intoMemorySegment(out, oo + i, ORDER);
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
      FloatVector v = load(xs, xo + i).div(step);
      FloatVector g = load(gs, go + i);
      FloatVector bounded = bound(v, -qp - 1, qp);
      VectorMask<Float> inside = v.compare(VectorOperators.EQ, bounded);
      FloatVector slope = bounded.blend(round(v).sub(v), inside);
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

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.FLOATS;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * The loops of {@link VectorSoftmaxKl} over whole vectors. One loop a method, parameters that are
 * segments, byte offsets and numbers: what C2 compiles to straight vector code.
 *
 * <p>P, Q, X, D below are blocks of scratch: teacher and student probabilities, x = log q - log p
 * (known without a logarithm from logits and normalisers), and d = q - p. Where |x| is below {@link
 * #SMALL}, d = p expm1(x) and the forward term p (expm1(x) - x) come from a series, since the
 * subtractions would lose the digits of small divergences.
 *
 * <p>No loop calls a method of ours, and steps of several loops meet in blocks of scratch. Whether
 * C2 inlines such a call depends on what it compiled before, and where it does not, every vector
 * becomes an object.
 *
 * <p>No loop clamps: in rows that come here every logit is between {@link #FLOOR} and its opposite.
 * The floor also stands for the columns that a mask removes and for the padding of tails: p = q = 0
 * there, x is finite, nothing is added.
 */
final class KlLeaves {
  /**
   * What stands for -infinity, a little below the -1e30 that programs write for it, which is a
   * logit. Finite logits below it do not come here.
   */
  static final float FLOOR = -0x1.96p+99f;

  /** Below this |x| the series holds. */
  static final float SMALL = 0.3f;

  // (exp(x) - 1 - x) / x^2 = 1/2 + x/6 + ..., the best polynomial of degree 4 in that range: 6e-8.
  private static final float SERIES_3 = 1.66666180e-1f;
  private static final float SERIES_4 = 4.16667201e-2f;
  private static final float SERIES_5 = 8.35552532e-3f;
  private static final float SERIES_6 = 1.39013818e-3f;

  private KlLeaves() {}

  /** Whether the columns below the floor are -infinity, and the same on both sides. */
  static boolean floorsMatch(MemorySegment zs, long zo, MemorySegment us, long uo, long bytes) {
    for (long i = 0; i < bytes; i += Float.BYTES) {
      float z = zs.get(ValueLayout.JAVA_FLOAT, zo + i);
      float u = us.get(ValueLayout.JAVA_FLOAT, uo + i);
      if ((z < FLOOR || u < FLOOR)
          && !(z == Float.NEGATIVE_INFINITY && u == Float.NEGATIVE_INFINITY)) {
        return false;
      }
    }
    return true;
  }

  /** Stores exp(x) - 1 - x, good to the last place where |x| is below {@link #SMALL}. */
  static void series(MemorySegment s, long from, long to, long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, s, from + i, ORDER);
      FloatVector t =
          x.fma(FloatVector.broadcast(F32, SERIES_6), FloatVector.broadcast(F32, SERIES_5));
      t = t.fma(x, FloatVector.broadcast(F32, SERIES_4));
      t = t.fma(x, FloatVector.broadcast(F32, SERIES_3));
      t = t.fma(x, FloatVector.broadcast(F32, 0.5f));
      t.mul(x.mul(x)).intoMemorySegment(s, to + i, ORDER);
    }
  }

  /** Returns the sum of e (z - max) over exponentials e. */
  static float dot(
      MemorySegment zs,
      long zo,
      int count,
      float max,
      float[] es,
      int eo,
      MemorySegment scratch,
      long lanes) {
    FloatVector sum = FloatVector.zero(F32);
    for (int i = 0; i < count; i += FLOATS) {
      FloatVector e = FloatVector.fromArray(F32, es, eo + i);
      sum =
          FloatVector.fromMemorySegment(F32, zs, zo + i * (long) Float.BYTES, ORDER)
              .sub(max)
              .fma(e, sum);
    }
    sum.intoMemorySegment(scratch, lanes, ORDER);
    return Lanes.sum(scratch, lanes);
  }

  /** Returns the sum of z - max over the columns that are kept. */
  static float sum(
      MemorySegment zs, long zo, long bytes, float max, MemorySegment scratch, long lanes) {
    FloatVector sum = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector z = FloatVector.fromMemorySegment(F32, zs, zo + i, ORDER);
      sum = sum.add(z.sub(max).blend(0f, z.compare(VectorOperators.LE, FLOOR)));
    }
    sum.intoMemorySegment(scratch, lanes, ORDER);
    return Lanes.sum(scratch, lanes);
  }

  /**
   * The whole of a forward divergence, from logits and stored exponentials: stores factor * (q - p)
   * and returns the sum of factor * p (expm1(x) - x), where x = (z - u) inverse - offset.
   *
   * @param minusScaleU what turns exponentials of the teacher into - factor * p
   * @param scaleZ what turns exponentials of the student into factor * q
   */
  static float forward(
      MemorySegment zs,
      long zo,
      MemorySegment us,
      long uo,
      float[] ez,
      float[] eu,
      int at,
      float[] ds,
      int count,
      float inverse,
      float offset,
      float scaleZ,
      float minusScaleU,
      MemorySegment scratch,
      long lanes) {
    // With y = -x and -p no sign has to be turned. The series is written out: in registers here.
    FloatVector loss = FloatVector.zero(F32);
    for (int i = 0; i < count; i += FLOATS) {
      FloatVector y =
          FloatVector.fromMemorySegment(F32, us, uo + i * (long) Float.BYTES, ORDER)
              .sub(FloatVector.fromMemorySegment(F32, zs, zo + i * (long) Float.BYTES, ORDER))
              .fma(FloatVector.broadcast(F32, inverse), FloatVector.broadcast(F32, offset));
      FloatVector p = FloatVector.fromArray(F32, eu, at + i).mul(minusScaleU);
      FloatVector d =
          FloatVector.fromArray(F32, ez, at + i).fma(FloatVector.broadcast(F32, scaleZ), p);
      FloatVector px = p.mul(y);
      FloatVector t =
          y.fma(FloatVector.broadcast(F32, -SERIES_6), FloatVector.broadcast(F32, SERIES_5));
      t = t.fma(y, FloatVector.broadcast(F32, -SERIES_4));
      t = t.fma(y, FloatVector.broadcast(F32, SERIES_3));
      t = t.fma(y, FloatVector.broadcast(F32, -0.5f));
      FloatVector small = t.mul(y).mul(px);
      VectorMask<Float> near = y.abs().compare(VectorOperators.LT, SMALL);
      loss = loss.add(d.sub(px).blend(small, near));
      d.blend(px.add(small), near).intoArray(ds, i);
    }
    loss.intoMemorySegment(scratch, lanes, ORDER);
    return Lanes.sum(scratch, lanes);
  }

  /** Stores -x, for logits far apart or under two temperatures. */
  static void ratios(
      MemorySegment zs,
      long zo,
      MemorySegment us,
      long uo,
      long bytes,
      float inverse,
      float change,
      float maxU,
      float shift,
      float offset,
      MemorySegment ys,
      long yo) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector u = FloatVector.fromMemorySegment(F32, us, uo + i, ORDER);
      FloatVector rest =
          u.sub(maxU).fma(FloatVector.broadcast(F32, -change), FloatVector.broadcast(F32, offset));
      FloatVector.fromMemorySegment(F32, zs, zo + i, ORDER)
          .sub(shift)
          .sub(u)
          .fma(FloatVector.broadcast(F32, -inverse), rest)
          .intoMemorySegment(ys, yo + i, ORDER);
    }
  }

  /** Stores P, Q and X, each {@code block} bytes after the one before. */
  static void probabilities(
      MemorySegment zs,
      long zo,
      MemorySegment us,
      long uo,
      float[] ez,
      float[] eu,
      int from,
      int count,
      float inverse,
      float change,
      float maxU,
      float shift,
      float offset,
      float scaleZ,
      float scaleU,
      MemorySegment scratch,
      long at,
      long block) {
    for (int n = 0; n < count; n += FLOATS) {
      long i = n * (long) Float.BYTES;
      FloatVector u = FloatVector.fromMemorySegment(F32, us, uo + i, ORDER);
      FloatVector rest =
          u.sub(maxU).fma(FloatVector.broadcast(F32, change), FloatVector.broadcast(F32, -offset));
      FloatVector x =
          FloatVector.fromMemorySegment(F32, zs, zo + i, ORDER)
              .sub(shift)
              .sub(u)
              .fma(FloatVector.broadcast(F32, inverse), rest);
      FloatVector p = FloatVector.fromArray(F32, eu, from + n).mul(scaleU);
      FloatVector q = FloatVector.fromArray(F32, ez, from + n).mul(scaleZ);
      p.intoMemorySegment(scratch, at + i, ORDER);
      q.intoMemorySegment(scratch, at + block + i, ORDER);
      x.intoMemorySegment(scratch, at + 2 * block + i, ORDER);
    }
  }

  /** Stores D behind P, Q and X, from these and the {@link #series} of X in the seventh block. */
  static void differences(MemorySegment s, long at, long block, long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, s, at + i, ORDER);
      FloatVector x = FloatVector.fromMemorySegment(F32, s, at + 2 * block + i, ORDER);
      FloatVector near =
          FloatVector.fromMemorySegment(F32, s, at + 6 * block + i, ORDER).add(x).mul(p);
      FloatVector.fromMemorySegment(F32, s, at + block + i, ORDER)
          .sub(p)
          .blend(near, x.abs().compare(VectorOperators.LT, SMALL))
          .intoMemorySegment(s, at + 3 * block + i, ORDER);
    }
  }

  /**
   * The modes between p and q: forward times KL(p || q) plus reverse times KL(q || p). Stores h = q
   * df/dq and k = p df/dp behind D, each but for a multiple of q or p; adds the loss and their sums
   * to three vectors of scratch.
   */
  static void direct(
      MemorySegment s, long at, long block, long bytes, float forward, float reverse, long lanes) {
    FloatVector loss = FloatVector.fromMemorySegment(F32, s, lanes, ORDER);
    FloatVector sumH = FloatVector.fromMemorySegment(F32, s, lanes + BYTES, ORDER);
    FloatVector sumK = FloatVector.fromMemorySegment(F32, s, lanes + 2 * BYTES, ORDER);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, s, at + i, ORDER);
      FloatVector qx =
          FloatVector.fromMemorySegment(F32, s, at + block + i, ORDER)
              .mul(FloatVector.fromMemorySegment(F32, s, at + 2 * block + i, ORDER));
      FloatVector x = FloatVector.fromMemorySegment(F32, s, at + 2 * block + i, ORDER);
      FloatVector d = FloatVector.fromMemorySegment(F32, s, at + 3 * block + i, ORDER);
      FloatVector px = p.mul(x);
      VectorMask<Float> near = x.abs().compare(VectorOperators.LT, SMALL);
      FloatVector small = FloatVector.fromMemorySegment(F32, s, at + 6 * block + i, ORDER).mul(p);
      FloatVector ahead = d.sub(px).blend(small, near);
      FloatVector back = qx.sub(d).blend(d.mul(x).sub(ahead), near);
      loss = loss.add(ahead.mul(forward)).add(back.mul(reverse));
      FloatVector h = d.mul(forward).add(qx.mul(reverse));
      FloatVector k = px.mul(forward).add(d.mul(reverse)).neg();
      h.intoMemorySegment(s, at + 4 * block + i, ORDER);
      k.intoMemorySegment(s, at + 5 * block + i, ORDER);
      sumH = sumH.add(h);
      sumK = sumK.add(k);
    }
    loss.intoMemorySegment(s, lanes, ORDER);
    sumH.intoMemorySegment(s, lanes + BYTES, ORDER);
    sumK.intoMemorySegment(s, lanes + 2 * BYTES, ORDER);
  }

  /**
   * The modes with a mixture m = weight p + (1 - weight) q, first step to y = log(m / p) = base +
   * log1p(v): stores log v and base behind D, with the larger part of m taken out, so that v, at
   * most 1, is the ratio of the smaller to it.
   */
  static void mixture(
      MemorySegment s, long at, long block, long bytes, float logWeight, float logRest) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector second =
          FloatVector.fromMemorySegment(F32, s, at + 2 * block + i, ORDER).add(logRest);
      second.sub(logWeight).abs().neg().intoMemorySegment(s, at + 4 * block + i, ORDER);
      second.max(logWeight).intoMemorySegment(s, at + 5 * block + i, ORDER);
    }
  }

  /** Second step, v known: where |x| is small, v = (1 - weight) expm1(x) and base = 0. */
  static void mixtureNear(MemorySegment s, long at, long block, long bytes, float rest) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, s, at + 2 * block + i, ORDER);
      VectorMask<Float> near = x.abs().compare(VectorOperators.LT, SMALL);
      FloatVector.fromMemorySegment(F32, s, at + 4 * block + i, ORDER)
          .blend(
              FloatVector.fromMemorySegment(F32, s, at + 6 * block + i, ORDER).add(x).mul(rest),
              near)
          .intoMemorySegment(s, at + 4 * block + i, ORDER);
      FloatVector.fromMemorySegment(F32, s, at + 5 * block + i, ORDER)
          .blend(0f, near)
          .intoMemorySegment(s, at + 5 * block + i, ORDER);
    }
  }

  /** Third step: stores y over v. log1p(v) = 2 atanh(v / (2 + v)), by its series. */
  static void mixtureLog(MemorySegment s, long at, long block, long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(F32, s, at + 4 * block + i, ORDER);
      FloatVector t = v.div(v.add(2f));
      FloatVector t2 = t.mul(t);
      FloatVector poly =
          t2.fma(FloatVector.broadcast(F32, 2f / 13), FloatVector.broadcast(F32, 2f / 11));
      poly = poly.fma(t2, FloatVector.broadcast(F32, 2f / 9));
      poly = poly.fma(t2, FloatVector.broadcast(F32, 2f / 7));
      poly = poly.fma(t2, FloatVector.broadcast(F32, 2f / 5));
      poly = poly.fma(t2, FloatVector.broadcast(F32, 2f / 3));
      poly = poly.fma(t2, FloatVector.broadcast(F32, 2f));
      poly.fma(t, FloatVector.fromMemorySegment(F32, s, at + 5 * block + i, ORDER))
          .intoMemorySegment(s, at + 4 * block + i, ORDER);
    }
  }

  /** Stores log(m / q) = y - x over base. */
  static void mixtureStudent(MemorySegment s, long at, long block, long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector.fromMemorySegment(F32, s, at + 4 * block + i, ORDER)
          .sub(FloatVector.fromMemorySegment(F32, s, at + 2 * block + i, ORDER))
          .intoMemorySegment(s, at + 5 * block + i, ORDER);
    }
  }

  /**
   * Returns the sum of r (m / r - 1 - log(m / r)), that is KL(r || m), for r = p or q.
   *
   * @param of where r is
   * @param logAt where log(m / r) is; its {@link #series} is in the seventh block
   */
  static float mixedLoss(
      MemorySegment s,
      long at,
      long block,
      long bytes,
      float weight,
      long of,
      long logAt,
      long lanes) {
    FloatVector loss = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, s, at + i, ORDER);
      FloatVector q = FloatVector.fromMemorySegment(F32, s, at + block + i, ORDER);
      FloatVector x = FloatVector.fromMemorySegment(F32, s, at + 2 * block + i, ORDER);
      FloatVector r = FloatVector.fromMemorySegment(F32, s, of + i, ORDER);
      FloatVector far =
          p.mul(weight)
              .add(q.mul(1 - weight))
              .sub(r)
              .sub(FloatVector.fromMemorySegment(F32, s, logAt + i, ORDER).mul(r));
      FloatVector near = FloatVector.fromMemorySegment(F32, s, at + 6 * block + i, ORDER).mul(r);
      loss = loss.add(far.blend(near, x.abs().compare(VectorOperators.LT, SMALL)));
    }
    loss.intoMemorySegment(s, lanes, ORDER);
    return Lanes.sum(s, lanes);
  }

  /**
   * h = q (logPart log(q / m) - ratioP p / m - ratioQ q / m), k = - teacherPart p log(m / p); y is
   * where {@link #mixtureLog} stored it. Stores and sums h and k as {@link #direct} does.
   */
  static void mixedParts(
      MemorySegment s,
      long at,
      long block,
      long bytes,
      float weight,
      float teacherPart,
      float logPart,
      float ratioP,
      float ratioQ,
      long lanes) {
    FloatVector sumH = FloatVector.fromMemorySegment(F32, s, lanes + BYTES, ORDER);
    FloatVector sumK = FloatVector.fromMemorySegment(F32, s, lanes + 2 * BYTES, ORDER);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, s, at + i, ORDER);
      FloatVector q = FloatVector.fromMemorySegment(F32, s, at + block + i, ORDER);
      FloatVector y = FloatVector.fromMemorySegment(F32, s, at + 4 * block + i, ORDER);
      FloatVector m = p.mul(weight).add(q.mul(1 - weight)).max(Float.MIN_NORMAL);
      FloatVector ratios = p.mul(ratioP).add(q.mul(ratioQ)).div(m);
      FloatVector logs =
          FloatVector.fromMemorySegment(F32, s, at + 2 * block + i, ORDER).sub(y).mul(logPart);
      FloatVector h = logs.sub(ratios).mul(q);
      FloatVector k = p.mul(y).mul(-teacherPart);
      h.intoMemorySegment(s, at + 4 * block + i, ORDER);
      k.intoMemorySegment(s, at + 5 * block + i, ORDER);
      sumH = sumH.add(h);
      sumK = sumK.add(k);
    }
    sumH.intoMemorySegment(s, lanes + BYTES, ORDER);
    sumK.intoMemorySegment(s, lanes + 2 * BYTES, ORDER);
  }

  /** Half the sum of |q - p|; h = q sign(q - p) / 2. Stores and sums as {@link #direct} does. */
  static void variation(MemorySegment s, long at, long block, long bytes, long lanes) {
    FloatVector loss = FloatVector.fromMemorySegment(F32, s, lanes, ORDER);
    FloatVector sumH = FloatVector.fromMemorySegment(F32, s, lanes + BYTES, ORDER);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector halfQ = FloatVector.fromMemorySegment(F32, s, at + block + i, ORDER).mul(0.5f);
      FloatVector d = FloatVector.fromMemorySegment(F32, s, at + 3 * block + i, ORDER);
      loss = loss.add(d.abs().mul(0.5f));
      FloatVector h =
          FloatVector.zero(F32)
              .blend(halfQ, d.compare(VectorOperators.GT, 0f))
              .blend(halfQ.neg(), d.compare(VectorOperators.LT, 0f));
      h.intoMemorySegment(s, at + 4 * block + i, ORDER);
      sumH = sumH.add(h);
    }
    loss.intoMemorySegment(s, lanes, ORDER);
    sumH.intoMemorySegment(s, lanes + BYTES, ORDER);
  }

  /** Stores factor (part - probability sum) as a gradient. */
  static void chain(
      MemorySegment s,
      long partAt,
      long probabilityAt,
      float sum,
      float factor,
      MemorySegment gs,
      long go,
      long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector.fromMemorySegment(F32, s, probabilityAt + i, ORDER)
          .fma(
              FloatVector.broadcast(F32, -sum),
              FloatVector.fromMemorySegment(F32, s, partAt + i, ORDER))
          .mul(factor)
          .intoMemorySegment(gs, go + i, ORDER);
    }
  }

  /** Stores factor (z - u) as a gradient, and returns the sum of (z - u)^2. */
  static float squares(
      MemorySegment zs,
      long zo,
      MemorySegment us,
      long uo,
      float[] gs,
      int go,
      int count,
      float factor,
      MemorySegment scratch,
      long lanes) {
    FloatVector loss = FloatVector.zero(F32);
    for (int n = 0; n < count; n += FLOATS) {
      long i = n * (long) Float.BYTES;
      FloatVector d =
          FloatVector.fromMemorySegment(F32, zs, zo + i, ORDER)
              .sub(FloatVector.fromMemorySegment(F32, us, uo + i, ORDER));
      loss = d.fma(d, loss);
      d.mul(factor).intoArray(gs, go + n);
    }
    loss.intoMemorySegment(scratch, lanes, ORDER);
    return Lanes.sum(scratch, lanes);
  }

  /** Adds e scale - uniform to a gradient, in the columns that are kept. */
  static void addHard(
      MemorySegment zs,
      long zo,
      MemorySegment gs,
      long go,
      float[] es,
      int eo,
      int count,
      float scale,
      float uniform) {
    for (int n = 0; n < count; n += FLOATS) {
      long i = n * (long) Float.BYTES;
      FloatVector z = FloatVector.fromMemorySegment(F32, zs, zo + i, ORDER);
      FloatVector add = FloatVector.fromArray(F32, es, eo + n).mul(scale).sub(uniform);
      add = add.blend(0f, z.compare(VectorOperators.LE, FLOOR));
      FloatVector.fromMemorySegment(F32, gs, go + i, ORDER)
          .add(add)
          .intoMemorySegment(gs, go + i, ORDER);
    }
  }

  /** Copies elements with a value in place of those that the mask removes. */
  static void stage(
      MemorySegment from,
      long fo,
      MemorySegment mask,
      long mo,
      MemorySegment to,
      long at,
      long bytes,
      float removed) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, from, fo + i, ORDER)
          .blend(
              removed,
              FloatVector.fromMemorySegment(F32, mask, mo + i, ORDER)
                  .compare(VectorOperators.EQ, 0f))
          .intoMemorySegment(to, at + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float value = from.get(ValueLayout.JAVA_FLOAT, fo + i);
      boolean kept = mask.get(ValueLayout.JAVA_FLOAT, mo + i) != 0;
      to.set(ValueLayout.JAVA_FLOAT, at + i, kept ? value : removed);
    }
  }
}

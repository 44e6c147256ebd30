// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;
import static org.limbeck.kernels.vector.Lanes.set;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.backend.Support;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AttentionKl.Arguments;
import org.limbeck.kernels.op.AttentionKl.Spec;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * attention_kl from scores, Vector API. Per row, p and q the softmax of student and teacher scores
 * / T over the real keys: loss sum q log(q / p), gradient (p - q) / T; with a clamp e, P = max(p,
 * e), Q = max(q, e): sum Q log(Q / P), (p M - Q u) / T, u = [p > e], M = sum Q u.
 *
 * <p>Scores and gradient f32 [batch heads queries, keys], 4-byte aligned, any row stride; the
 * gradient may lie over the student scores. Lengths and causal leave a prefix of a row. A prefix
 * that is no whole number of vectors, or has holes by the mask, is copied into scratch without
 * them, padded with -infinity, and its gradient copied back: no loop sees a mask or a tail. NaN, or
 * a softmax without a finite maximum, makes its row NaN.
 *
 * <p>Loss from Q (expm1(x) - x), x = log(P / Q), terms of one sign; without a clamp x comes from
 * student - teacher scores, exact where they are close. P and Q do not sum to 1 each: the excess (Q
 * - q) - (P - p) is added. Floats in lanes, double every 2 KiB. Rows are split over threads, row
 * losses combined in order. 2 exps, 60 flops an element; reads two rows, writes one.
 */
final class VectorAttentionKl implements Kernel<Arguments> {
  // Between these, float holds a temperature and its reciprocal with room for scores to be scaled.
  private static final double SMALLEST_TEMPERATURE = 1e-30;
  private static final double LARGEST_TEMPERATURE = 1e30;
  // Below this a float probability may be 0 where the clamp is not.
  private static final double SMALLEST_CLAMP = 1e-36;
  // Row maxima nearer than this: scores are subtracted as they are, which is exact for close ones.
  private static final float NEAR = 8;

  private static final RangeBody<VectorAttentionKl, Arguments> ROWS =
      (kernel, a, scratch, from, to) ->
          kernel.rows(a, scratch.reserve(kernel.scratchBytes(a)), from, to);

  private final Spec spec;
  private final float inverseTemperature;
  private final float clamp;
  private final float logClamp;

  // Of the call in progress: the row losses, f64 [rows], and the factor of loss and gradient.
  private MemorySegment rowLosses;
  private double factor;

  private VectorAttentionKl(Spec spec) {
    this.spec = spec;
    inverseTemperature = (float) (1 / spec.temperature());
    clamp = (float) spec.clamp();
    logClamp = (float) Math.log(spec.clamp());
  }

  /** Returns the kernel for a specification, or why float does not hold its options. */
  static Support<Arguments> support(Spec spec) {
    double temperature = spec.temperature();
    if (temperature < SMALLEST_TEMPERATURE || temperature > LARGEST_TEMPERATURE) {
      return new Support.No<>("has no kernel for temperatures outside 1e-30 to 1e30");
    }
    if (spec.clamp() > 0 && spec.clamp() < SMALLEST_CLAMP) {
      return new Support.No<>("has no kernel for clamps below 1e-36");
    }
    return new Support.Yes<>(new VectorAttentionKl(spec));
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    AttentionShape shape = a.shape();
    factor = spec.scale() / (shape.batch() * shape.heads());
    if (spec.tauSquared()) {
      factor *= spec.temperature() * spec.temperature();
    }
    rowLosses = pool.shared().reserve(shape.rows() * Double.BYTES);
    pool.forRange(shape.rows(), Lanes.rowsPerChunk(shape.keys()), this, a, ROWS);
    if (a.loss() != null) {
      a.loss().setDouble(0, 0, combine(a) * factor);
    }
  }

  private double combine(Arguments a) {
    AttentionShape shape = a.shape();
    double total = 0;
    long at = 0;
    for (long b = 0; b < shape.batch(); b++) {
      long realQueries = realQueries(a, b);
      for (long h = 0; h < shape.heads(); h++) {
        double sum = 0;
        for (long i = 0; i < shape.queries(); i++, at += Double.BYTES) {
          sum += rowLosses.get(ValueLayout.JAVA_DOUBLE, at);
        }
        total += realQueries == 0 ? 0 : sum / realQueries;
      }
    }
    return total;
  }

  private static long length(Arguments a, long b) {
    return a.lengths() == null ? a.shape().keys() : a.lengths().getInt(0, b);
  }

  private static long realQueries(Arguments a, long b) {
    boolean square = a.shape().queries() == a.shape().keys();
    return a.lengths() != null && square ? length(a, b) : a.shape().queries();
  }

  // Scratch of a worker: a slot for sums, then student, teacher, p and q of a row, then the
  // log-ratios
  // of a block and their series.

  private static long rowBytes(Arguments a) {
    return (a.shape().keys() * Float.BYTES + Tail.SLOT_BYTES - 1) & -Tail.SLOT_BYTES;
  }

  private long scratchBytes(Arguments a) {
    return Tail.SLOT_BYTES + 4 * rowBytes(a) + 2 * ExpSum.BLOCK_BYTES;
  }

  private void rows(Arguments a, MemorySegment scratch, long from, long to) {
    AttentionShape shape = a.shape();
    Matrix grad = a.gradStudentScores();
    for (long r = from; r < to; r++) {
      long b = r / (shape.heads() * shape.queries());
      long i = r % shape.queries();
      long realQueries = realQueries(a, b);
      long length = length(a, b);
      long keys = i >= realQueries ? 0 : spec.causal() ? Math.min(length, i + 1) : length;
      double loss = 0;
      if (keys > 0) {
        float gradFactor = (float) (factor / realQueries / spec.temperature());
        loss = prefix(a, r, b * shape.queries() + i, keys, gradFactor, scratch);
      }
      rowLosses.set(ValueLayout.JAVA_DOUBLE, r * Double.BYTES, loss);
      if (grad != null) {
        long rest = (shape.keys() - keys) * Float.BYTES;
        VectorSoftmax.fill(grad.segment(), grad.rowOffsetBytes(r) + keys * Float.BYTES, rest, 0f);
      }
    }
  }

  /** Does the first keys of a row, and returns its loss. */
  private double prefix(
      Arguments a, long r, long maskRow, long keys, float gradFactor, MemorySegment scratch) {
    Matrix grad = a.gradStudentScores();
    MemorySegment ss = a.studentScores().segment();
    MemorySegment ts = a.teacherScores().segment();
    long so = a.studentScores().rowOffsetBytes(r);
    long to = a.teacherScores().rowOffsetBytes(r);
    long bytes = keys * Float.BYTES;
    if (a.mask() == null && bytes == Lanes.wholeBytes(bytes)) {
      MemorySegment gs = grad == null ? null : grad.segment();
      long go = grad == null ? 0 : grad.rowOffsetBytes(r);
      return dense(a, ss, so, ts, to, gs, go, bytes, gradFactor, scratch);
    }
    long student = Tail.SLOT_BYTES;
    long teacher = student + rowBytes(a);
    long real = gather(ss, so, a.mask(), maskRow, keys, scratch, student);
    gather(ts, to, a.mask(), maskRow, keys, scratch, teacher);
    long whole = Lanes.wholeBytes(real * Float.BYTES + BYTES - 1);
    double loss = 0;
    if (real > 0) {
      MemorySegment gs = grad == null ? null : scratch;
      loss = dense(a, scratch, student, scratch, teacher, gs, student, whole, gradFactor, scratch);
    }
    if (grad != null) {
      scatter(scratch, student, a.mask(), maskRow, keys, grad.segment(), grad.rowOffsetBytes(r));
    }
    return loss;
  }

  /** Copies the entries that the mask keeps, pads them to whole vectors, and counts them. */
  private static long gather(
      MemorySegment from,
      long offset,
      Matrix mask,
      long maskRow,
      long keys,
      MemorySegment scratch,
      long at) {
    long end = at;
    if (mask == null) {
      MemorySegment.copy(from, offset, scratch, at, keys * Float.BYTES);
      end += keys * Float.BYTES;
    } else {
      MemorySegment ms = mask.segment();
      long mo = mask.rowOffsetBytes(maskRow);
      for (long j = 0; j < keys; j++) {
        if (ms.get(ValueLayout.JAVA_BYTE, mo + j) != 0) {
          set(scratch, end, from.get(ValueLayout.JAVA_FLOAT, offset + j * Float.BYTES));
          end += Float.BYTES;
        }
      }
    }
    long bytes = end - at;
    VectorSoftmax.fill(
        scratch, end, Lanes.wholeBytes(bytes + BYTES - 1) - bytes, Float.NEGATIVE_INFINITY);
    return bytes / Float.BYTES;
  }

  /** Undoes {@link #gather}, with 0 for the entries that the mask removes. */
  private static void scatter(
      MemorySegment scratch,
      long at,
      Matrix mask,
      long maskRow,
      long keys,
      MemorySegment to,
      long offset) {
    if (mask == null) {
      MemorySegment.copy(scratch, at, to, offset, keys * Float.BYTES);
      return;
    }
    MemorySegment ms = mask.segment();
    long mo = mask.rowOffsetBytes(maskRow);
    long next = at;
    for (long j = 0; j < keys; j++) {
      float g = 0;
      if (ms.get(ValueLayout.JAVA_BYTE, mo + j) != 0) {
        g = scratch.get(ValueLayout.JAVA_FLOAT, next);
        next += Float.BYTES;
      }
      set(to, offset + j * Float.BYTES, g);
    }
  }

  /** Does a row of whole vectors without holes, and returns its loss. */
  private double dense(
      Arguments a,
      MemorySegment ss,
      long so,
      MemorySegment ts,
      long to,
      MemorySegment gs,
      long go,
      long bytes,
      float gradFactor,
      MemorySegment scratch) {
    float sMax = VectorSoftmax.max(ss, so, bytes);
    float tMax = VectorSoftmax.max(ts, to, bytes);
    if (!Float.isFinite(sMax) || !Float.isFinite(tMax)) {
      if (gs != null) {
        VectorSoftmax.fill(gs, go, bytes, Float.NaN);
      }
      return Double.NaN;
    }
    long p = Tail.SLOT_BYTES + 2 * rowBytes(a);
    long q = p + rowBytes(a);
    double sSum = ExpSum.store(ss, so, scratch, p, true, bytes, sMax, inverseTemperature, scratch);
    double tSum = ExpSum.store(ts, to, scratch, q, true, bytes, tMax, inverseTemperature, scratch);
    VectorSoftmax.scale(scratch, p, bytes, (float) (1 / sSum));
    VectorSoftmax.scale(scratch, q, bytes, (float) (1 / tSum));
    double loss = 0;
    if (a.loss() != null) {
      loss =
          clamp == 0
              ? divergence(a, ss, so, sMax, sSum, ts, to, tMax, tSum, scratch, p, q, bytes)
              : clampedDivergence(a, ss, so, sMax, sSum, ts, to, tMax, tSum, scratch, p, q, bytes);
    }
    if (gs != null && clamp == 0) {
      gradient(scratch, p, q, gs, go, bytes, gradFactor);
    } else if (gs != null) {
      // 1 plus what the clamp changes, so that it is exactly 1 where the clamp changes nothing.
      double kept = 1;
      for (long o = 0; o < bytes; o += ExpSum.BLOCK_BYTES) {
        long length = Math.min(ExpSum.BLOCK_BYTES, bytes - o);
        kept += keptMassChange(scratch, p + o, q + o, length, clamp);
      }
      clampedGradient(scratch, p, q, gs, go, bytes, clamp, (float) kept, gradFactor);
    }
    return loss;
  }

  private double divergence(
      Arguments a,
      MemorySegment ss,
      long so,
      float sMax,
      double sSum,
      MemorySegment ts,
      long to,
      float tMax,
      double tSum,
      MemorySegment scratch,
      long p,
      long q,
      long bytes) {
    boolean near = Math.abs(sMax - tMax) <= NEAR;
    float sBase = near ? 0 : sMax;
    float tBase = near ? 0 : tMax;
    float distance = near ? sMax - tMax : 0;
    double rounded = near ? (double) sMax - tMax - distance : 0;
    float shift = (float) (rounded / spec.temperature() + Math.log(sSum / tSum));
    long ratios = q + rowBytes(a);
    long series = ratios + ExpSum.BLOCK_BYTES;
    double sum = 0;
    for (long o = 0; o < bytes; o += ExpSum.BLOCK_BYTES) {
      long length = Math.min(ExpSum.BLOCK_BYTES, bytes - o);
      ratios(
          ss,
          so + o,
          sBase,
          ts,
          to + o,
          tBase,
          distance,
          inverseTemperature,
          shift,
          scratch,
          ratios,
          length);
      KlLeaves.series(scratch, ratios, series, length);
      sum += terms(scratch, p + o, q + o, ratios, series, length);
    }
    return sum;
  }

  /** Stores x = ((s - sBase) - (t - tBase) - distance) factor - shift. */
  private static void ratios(
      MemorySegment ss,
      long so,
      float sBase,
      MemorySegment ts,
      long to,
      float tBase,
      float distance,
      float factor,
      float shift,
      MemorySegment scratch,
      long xo,
      long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector s = FloatVector.fromMemorySegment(F32, ss, so + i, ORDER).sub(sBase);
      FloatVector t = FloatVector.fromMemorySegment(F32, ts, to + i, ORDER).sub(tBase);
      s.sub(t).sub(distance).mul(factor).sub(shift).intoMemorySegment(scratch, xo + i, ORDER);
    }
  }

  /** Returns the sum of q (expm1(x) - x): from the series where x is small, else as p - q - q x. */
  private static float terms(
      MemorySegment scratch, long po, long qo, long xo, long series, long bytes) {
    FloatVector sum = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, scratch, po + i, ORDER);
      FloatVector q = FloatVector.fromMemorySegment(F32, scratch, qo + i, ORDER);
      FloatVector x = FloatVector.fromMemorySegment(F32, scratch, xo + i, ORDER);
      FloatVector near = FloatVector.fromMemorySegment(F32, scratch, series + i, ORDER).mul(q);
      FloatVector term =
          p.sub(q.fma(x, q)).blend(near, x.abs().compare(VectorOperators.LT, KlLeaves.SMALL));
      // Where q is 0, x may be NaN or infinite, and the term is p.
      sum = sum.add(term.blend(p, q.compare(VectorOperators.EQ, 0f)));
    }
    sum.intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sum(scratch, 0);
  }

  private double clampedDivergence(
      Arguments a,
      MemorySegment ss,
      long so,
      float sMax,
      double sSum,
      MemorySegment ts,
      long to,
      float tMax,
      double tSum,
      MemorySegment scratch,
      long p,
      long q,
      long bytes) {
    float sLog = (float) Math.log(sSum);
    float tLog = (float) Math.log(tSum);
    long ratios = q + rowBytes(a);
    long series = ratios + ExpSum.BLOCK_BYTES;
    double sum = 0;
    for (long o = 0; o < bytes; o += ExpSum.BLOCK_BYTES) {
      long length = Math.min(ExpSum.BLOCK_BYTES, bytes - o);
      clampedRatios(
          ss,
          so + o,
          sMax,
          sLog,
          ts,
          to + o,
          tMax,
          tLog,
          inverseTemperature,
          logClamp,
          scratch,
          ratios,
          length);
      KlLeaves.series(scratch, ratios, series, length);
      sum += clampedTerms(scratch, p + o, q + o, ratios, series, length, clamp);
    }
    return sum;
  }

  /** Stores x from log-probabilities, each clamped. */
  private static void clampedRatios(
      MemorySegment ss,
      long so,
      float sMax,
      float sLog,
      MemorySegment ts,
      long to,
      float tMax,
      float tLog,
      float factor,
      float logClamp,
      MemorySegment scratch,
      long xo,
      long bytes) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector s = FloatVector.fromMemorySegment(F32, ss, so + i, ORDER).sub(sMax);
      FloatVector t = FloatVector.fromMemorySegment(F32, ts, to + i, ORDER).sub(tMax);
      s.mul(factor)
          .sub(sLog)
          .max(logClamp)
          .sub(t.mul(factor).sub(tLog).max(logClamp))
          .intoMemorySegment(scratch, xo + i, ORDER);
    }
  }

  /** Returns the sum of Q (expm1(x) - x) + (Q - q) - (P - p). */
  private static float clampedTerms(
      MemorySegment scratch, long po, long qo, long xo, long series, long bytes, float clamp) {
    FloatVector sum = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, scratch, po + i, ORDER);
      FloatVector q = FloatVector.fromMemorySegment(F32, scratch, qo + i, ORDER);
      FloatVector x = FloatVector.fromMemorySegment(F32, scratch, xo + i, ORDER);
      FloatVector clampedP = p.max(clamp);
      FloatVector clampedQ = q.max(clamp);
      FloatVector excess = clampedQ.sub(q).sub(clampedP.sub(p));
      FloatVector near = FloatVector.fromMemorySegment(F32, scratch, series + i, ORDER);
      FloatVector term =
          clampedP
              .sub(clampedQ.fma(x, clampedQ))
              .blend(near.mul(clampedQ), x.abs().compare(VectorOperators.LT, KlLeaves.SMALL));
      sum = sum.add(term.add(excess));
    }
    sum.intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sum(scratch, 0);
  }

  private static void gradient(
      MemorySegment scratch,
      long po,
      long qo,
      MemorySegment gs,
      long go,
      long bytes,
      float gradFactor) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector.fromMemorySegment(F32, scratch, po + i, ORDER)
          .sub(FloatVector.fromMemorySegment(F32, scratch, qo + i, ORDER))
          .mul(gradFactor)
          .intoMemorySegment(gs, go + i, ORDER);
    }
  }

  /** Returns the sum of Q u - q. */
  private static float keptMassChange(
      MemorySegment scratch, long po, long qo, long bytes, float clamp) {
    FloatVector sum = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, scratch, po + i, ORDER);
      FloatVector q = FloatVector.fromMemorySegment(F32, scratch, qo + i, ORDER);
      FloatVector kept = q.max(clamp).blend(0f, p.compare(VectorOperators.LE, clamp));
      sum = sum.add(kept.sub(q));
    }
    sum.intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sum(scratch, 0);
  }

  private static void clampedGradient(
      MemorySegment scratch,
      long po,
      long qo,
      MemorySegment gs,
      long go,
      long bytes,
      float clamp,
      float keptMass,
      float gradFactor) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, scratch, po + i, ORDER);
      FloatVector q = FloatVector.fromMemorySegment(F32, scratch, qo + i, ORDER);
      FloatVector kept = q.max(clamp).blend(0f, p.compare(VectorOperators.LE, clamp));
      p.mul(keptMass).sub(kept).mul(gradFactor).intoMemorySegment(gs, go + i, ORDER);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;
import static org.limbeck.kernels.vector.Lanes.get;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.LayerNorm;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * layer_norm forward, Vector API. xhat = (x - mean) rstd, rstd = 1 / sqrt(mean((x - mean)^2) +
 * epsilon), y = gamma xhat + beta.
 *
 * <p>x, y f32 [rows, cols], any row stride, 4-byte aligned; gamma, beta f32 [1, cols]; mean, rstd
 * f32 [1, rows]. y may be x. NaN or an infinity makes its row NaN. A row is shifted by its first
 * element before anything else, so that a large common offset costs no digits. Sums in four float
 * vectors, spilled to double every 4096 columns. Rows are split over threads. Three passes over a
 * row in the first cache levels: mean, variance, result. 9 rows cols flops; reads and writes rows
 * cols floats from and to memory. Tails one element at a time.
 */
final class VectorLayerNorm implements Kernel<LayerNorm.Forward> {
  /** The bytes of a row that are summed in floats before the sum goes on in double. */
  static final long BLOCK_BYTES = 4096 * Float.BYTES;

  private static final RangeBody<VectorLayerNorm, LayerNorm.Forward> ROWS =
      (kernel, a, scratch, from, to) -> kernel.rows(a, scratch.reserve(Tail.SLOT_BYTES), from, to);

  private final double epsilon;

  VectorLayerNorm(LayerNorm.Spec spec) {
    epsilon = spec.epsilon();
  }

  @Override
  public void run(LayerNorm.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), this, a, ROWS);
  }

  private void rows(LayerNorm.Forward a, MemorySegment scratch, long from, long to) {
    Matrix x = a.x();
    MemorySegment xs = x.segment();
    MemorySegment gammas = a.gamma().segment();
    MemorySegment betas = a.beta().segment();
    MemorySegment ys = a.y().segment();
    long cols = x.cols();
    long bytes = cols * Float.BYTES;
    for (long r = from; r < to; r++) {
      long xo = x.rowOffsetBytes(r);
      float first = get(xs, xo);
      float shift = Float.isFinite(first) ? first : 0;
      double mean = sum(xs, xo, bytes, shift, scratch) / cols;
      float center = (float) mean;
      double variance = sumSquares(xs, xo, bytes, shift, center, scratch) / cols;
      double rstd = 1 / Math.sqrt(variance + epsilon);
      a.mean().segment().set(ValueLayout.JAVA_FLOAT, at(a.mean(), r), (float) (shift + mean));
      a.rstd().segment().set(ValueLayout.JAVA_FLOAT, at(a.rstd(), r), (float) rstd);
      normalise(
          xs,
          xo,
          gammas,
          a.gamma().offsetBytes(),
          betas,
          a.beta().offsetBytes(),
          ys,
          a.y().rowOffsetBytes(r),
          bytes,
          shift,
          center,
          (float) rstd);
    }
  }

  private static long at(Matrix vector, long index) {
    return vector.offsetBytes() + index * Float.BYTES;
  }

  private static double sum(
      MemorySegment xs, long xo, long bytes, float shift, MemorySegment scratch) {
    long fours = bytes & -(4L * BYTES);
    long whole = Lanes.wholeBytes(bytes);
    double sum = 0;
    for (long i = 0; i < fours; i += BLOCK_BYTES) {
      sum += sumFours(xs, xo + i, Math.min(BLOCK_BYTES, fours - i), shift, scratch);
    }
    if (whole > fours) {
      sum += sumOnes(xs, xo + fours, whole - fours, shift, scratch);
    }
    for (long i = whole; i < bytes; i += Float.BYTES) {
      sum += get(xs, xo + i) - shift;
    }
    return sum;
  }

  private static float sumFours(
      MemorySegment xs, long xo, long bytes, float shift, MemorySegment scratch) {
    FloatVector a = FloatVector.zero(F32);
    FloatVector b = FloatVector.zero(F32);
    FloatVector c = FloatVector.zero(F32);
    FloatVector d = FloatVector.zero(F32);
    for (long i = xo; i < xo + bytes; i += 4 * BYTES) {
      a = a.add(FloatVector.fromMemorySegment(F32, xs, i, ORDER).sub(shift));
      b = b.add(FloatVector.fromMemorySegment(F32, xs, i + BYTES, ORDER).sub(shift));
      c = c.add(FloatVector.fromMemorySegment(F32, xs, i + 2 * BYTES, ORDER).sub(shift));
      d = d.add(FloatVector.fromMemorySegment(F32, xs, i + 3 * BYTES, ORDER).sub(shift));
    }
    a.add(b).add(c.add(d)).intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sum(scratch, 0);
  }

  private static float sumOnes(
      MemorySegment xs, long xo, long bytes, float shift, MemorySegment scratch) {
    FloatVector a = FloatVector.zero(F32);
    for (long i = xo; i < xo + bytes; i += BYTES) {
      a = a.add(FloatVector.fromMemorySegment(F32, xs, i, ORDER).sub(shift));
    }
    a.intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sum(scratch, 0);
  }

  private static double sumSquares(
      MemorySegment xs, long xo, long bytes, float shift, float center, MemorySegment scratch) {
    long fours = bytes & -(4L * BYTES);
    long whole = Lanes.wholeBytes(bytes);
    double sum = 0;
    for (long i = 0; i < fours; i += BLOCK_BYTES) {
      sum += squareFours(xs, xo + i, Math.min(BLOCK_BYTES, fours - i), shift, center, scratch);
    }
    if (whole > fours) {
      sum += squareOnes(xs, xo + fours, whole - fours, shift, center, scratch);
    }
    for (long i = whole; i < bytes; i += Float.BYTES) {
      float d = get(xs, xo + i) - shift - center;
      sum += d * d;
    }
    return sum;
  }

  private static float squareFours(
      MemorySegment xs, long xo, long bytes, float shift, float center, MemorySegment scratch) {
    FloatVector a = FloatVector.zero(F32);
    FloatVector b = FloatVector.zero(F32);
    FloatVector c = FloatVector.zero(F32);
    FloatVector d = FloatVector.zero(F32);
    for (long i = xo; i < xo + bytes; i += 4 * BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, xs, i, ORDER).sub(shift).sub(center);
      FloatVector q =
          FloatVector.fromMemorySegment(F32, xs, i + BYTES, ORDER).sub(shift).sub(center);
      FloatVector r =
          FloatVector.fromMemorySegment(F32, xs, i + 2 * BYTES, ORDER).sub(shift).sub(center);
      FloatVector s =
          FloatVector.fromMemorySegment(F32, xs, i + 3 * BYTES, ORDER).sub(shift).sub(center);
      a = p.fma(p, a);
      b = q.fma(q, b);
      c = r.fma(r, c);
      d = s.fma(s, d);
    }
    a.add(b).add(c.add(d)).intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sum(scratch, 0);
  }

  private static float squareOnes(
      MemorySegment xs, long xo, long bytes, float shift, float center, MemorySegment scratch) {
    FloatVector a = FloatVector.zero(F32);
    for (long i = xo; i < xo + bytes; i += BYTES) {
      FloatVector p = FloatVector.fromMemorySegment(F32, xs, i, ORDER).sub(shift).sub(center);
      a = p.fma(p, a);
    }
    a.intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sum(scratch, 0);
  }

  private static void normalise(
      MemorySegment xs,
      long xo,
      MemorySegment gammas,
      long gammaOffset,
      MemorySegment betas,
      long betaOffset,
      MemorySegment ys,
      long yo,
      long bytes,
      float shift,
      float center,
      float rstd) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER)
          .sub(shift)
          .sub(center)
          .mul(rstd)
          .fma(
              FloatVector.fromMemorySegment(F32, gammas, gammaOffset + i, ORDER),
              FloatVector.fromMemorySegment(F32, betas, betaOffset + i, ORDER))
          .intoMemorySegment(ys, yo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float xhat = (get(xs, xo + i) - shift - center) * rstd;
      float y = Math.fma(xhat, get(gammas, gammaOffset + i), get(betas, betaOffset + i));
      ys.set(ValueLayout.JAVA_FLOAT, yo + i, y);
    }
  }
}

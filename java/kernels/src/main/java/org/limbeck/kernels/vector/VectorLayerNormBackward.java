// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;
import static org.limbeck.kernels.vector.Lanes.get;
import static org.limbeck.kernels.vector.Lanes.set;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.LayerNorm;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * layer_norm backward, Vector API. xhat = (x - mean) rstd, g = gradY gamma: gradX = rstd (g -
 * mean(g) - xhat mean(g xhat)); gradGamma += sum over rows of gradY xhat, gradBeta += sum over rows
 * of gradY.
 *
 * <p>x, gradY, gradX f32 [rows, cols], any row stride, 4-byte aligned; gamma, gradGamma, gradBeta
 * f32 [1, cols]; mean, rstd f32 [1, rows]. gradX may be gradY. NaN makes its row of gradX NaN, and
 * its columns of gradGamma and gradBeta. Sums along a row in float vectors, spilled to double every
 * 4096 columns; sums over rows in float, one pair for each chunk of rows, added in the order of the
 * chunks. Rows are split over threads into at most 64 chunks. Two passes over a row in the first
 * cache levels. 14 rows cols flops; reads 2 rows cols, writes rows cols floats. Tails one element
 * at a time.
 */
final class VectorLayerNormBackward implements Kernel<LayerNorm.Backward> {
  private static final long MAX_CHUNKS = 64;
  private static final long SCRATCH_BYTES = 2 * Tail.SLOT_BYTES;

  private static final RangeBody<VectorLayerNormBackward, LayerNorm.Backward> ROWS =
      (kernel, a, scratch, from, to) -> kernel.rows(a, scratch.reserve(SCRATCH_BYTES), from, to);

  // Of the call in progress. A chunk has two arrays: its sums for gradGamma, then for gradBeta.
  private MemorySegment partials;
  private long arrayBytes;
  private long chunkRows;

  @Override
  public void run(LayerNorm.Backward a, WorkerPool pool) {
    long rows = a.x().rows();
    long cols = a.x().cols();
    chunkRows = Math.max(Lanes.rowsPerChunk(cols), (rows + MAX_CHUNKS - 1) / MAX_CHUNKS);
    arrayBytes = (cols * Float.BYTES + Tail.SLOT_BYTES - 1) & -Tail.SLOT_BYTES;
    long chunks = (rows + chunkRows - 1) / chunkRows;
    partials = pool.shared().reserve(chunks * 2 * arrayBytes);
    pool.forRange(rows, chunkRows, this, a, ROWS);
    for (long i = 1; i < chunks; i++) {
      add(partials, i * 2 * arrayBytes, partials, 0, 2 * arrayBytes);
    }
    add(partials, 0, a.gradGamma().segment(), a.gradGamma().offsetBytes(), cols * Float.BYTES);
    add(
        partials,
        arrayBytes,
        a.gradBeta().segment(),
        a.gradBeta().offsetBytes(),
        cols * Float.BYTES);
  }

  private void rows(LayerNorm.Backward a, MemorySegment scratch, long from, long to) {
    Matrix x = a.x();
    MemorySegment xs = x.segment();
    MemorySegment gs = a.gradY().segment();
    MemorySegment gammas = a.gamma().segment();
    long gammaOffset = a.gamma().offsetBytes();
    long bytes = x.cols() * Float.BYTES;
    long sums = from / chunkRows * 2 * arrayBytes;
    zero(partials, sums, 2 * arrayBytes);
    for (long r = from; r < to; r++) {
      long xo = x.rowOffsetBytes(r);
      long go = a.gradY().rowOffsetBytes(r);
      float mean = get(a.mean().segment(), a.mean().offsetBytes() + r * Float.BYTES);
      float rstd = get(a.rstd().segment(), a.rstd().offsetBytes() + r * Float.BYTES);
      double sum = 0;
      double dot = 0;
      for (long i = 0; i < bytes; i += VectorLayerNorm.BLOCK_BYTES) {
        long length = Math.min(VectorLayerNorm.BLOCK_BYTES, bytes - i);
        long so = sums + i;
        accumulate(
            xs,
            xo + i,
            gs,
            go + i,
            gammas,
            gammaOffset + i,
            partials,
            so,
            so + arrayBytes,
            length,
            mean,
            rstd,
            scratch);
        sum += get(scratch, 0);
        dot += get(scratch, Tail.SLOT_BYTES);
      }
      chain(
          xs,
          xo,
          gs,
          go,
          gammas,
          gammaOffset,
          a.gradX().segment(),
          a.gradX().rowOffsetBytes(r),
          bytes,
          mean,
          rstd,
          (float) (sum / x.cols()),
          (float) (dot / x.cols()));
    }
  }

  /** Adds gradY xhat and gradY to the sums of the chunk; leaves sum g and sum g xhat in scratch. */
  private static void accumulate(
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment gammas,
      long gammaOffset,
      MemorySegment sums,
      long so,
      long bo,
      long bytes,
      float mean,
      float rstd,
      MemorySegment scratch) {
    long whole = Lanes.wholeBytes(bytes);
    accumulateWhole(xs, xo, gs, go, gammas, gammaOffset, sums, so, bo, whole, mean, rstd, scratch);
    float total = Lanes.sum(scratch, 0);
    float product = Lanes.sum(scratch, Tail.SLOT_BYTES);
    for (long i = whole; i < bytes; i += Float.BYTES) {
      float xhat = (get(xs, xo + i) - mean) * rstd;
      float dy = get(gs, go + i);
      set(sums, so + i, Math.fma(dy, xhat, get(sums, so + i)));
      set(sums, bo + i, dy + get(sums, bo + i));
      float g = dy * get(gammas, gammaOffset + i);
      total += g;
      product = Math.fma(g, xhat, product);
    }
    set(scratch, 0, total);
    set(scratch, Tail.SLOT_BYTES, product);
  }

  private static void accumulateWhole(
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment gammas,
      long gammaOffset,
      MemorySegment sums,
      long so,
      long bo,
      long bytes,
      float mean,
      float rstd,
      MemorySegment scratch) {
    FloatVector sum = FloatVector.zero(F32);
    FloatVector dot = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector xhat = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).sub(mean).mul(rstd);
      FloatVector dy = FloatVector.fromMemorySegment(F32, gs, go + i, ORDER);
      dy.fma(xhat, FloatVector.fromMemorySegment(F32, sums, so + i, ORDER))
          .intoMemorySegment(sums, so + i, ORDER);
      dy.add(FloatVector.fromMemorySegment(F32, sums, bo + i, ORDER))
          .intoMemorySegment(sums, bo + i, ORDER);
      FloatVector g = dy.mul(FloatVector.fromMemorySegment(F32, gammas, gammaOffset + i, ORDER));
      sum = sum.add(g);
      dot = g.fma(xhat, dot);
    }
    sum.intoMemorySegment(scratch, 0, ORDER);
    dot.intoMemorySegment(scratch, Tail.SLOT_BYTES, ORDER);
  }

  /** Stores rstd (g - mean(g) - xhat mean(g xhat)). */
  private static void chain(
      MemorySegment xs,
      long xo,
      MemorySegment gs,
      long go,
      MemorySegment gammas,
      long gammaOffset,
      MemorySegment out,
      long oo,
      long bytes,
      float mean,
      float rstd,
      float meanG,
      float meanProduct) {
    FloatVector products = FloatVector.broadcast(F32, -meanProduct);
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector g =
          FloatVector.fromMemorySegment(F32, gs, go + i, ORDER)
              .mul(FloatVector.fromMemorySegment(F32, gammas, gammaOffset + i, ORDER))
              .sub(meanG);
      FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER)
          .sub(mean)
          .mul(rstd)
          .fma(products, g)
          .mul(rstd)
          .intoMemorySegment(out, oo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float g = get(gs, go + i) * get(gammas, gammaOffset + i) - meanG;
      float xhat = (get(xs, xo + i) - mean) * rstd;
      set(out, oo + i, Math.fma(xhat, -meanProduct, g) * rstd);
    }
  }

  private static void zero(MemorySegment s, long offset, long bytes) {
    for (long i = offset; i < offset + bytes; i += Float.BYTES) {
      set(s, i, 0f);
    }
  }

  /** Adds consecutive floats to others. */
  private static void add(
      MemorySegment from, long fromOffset, MemorySegment to, long toOffset, long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, to, toOffset + i, ORDER)
          .add(FloatVector.fromMemorySegment(F32, from, fromOffset + i, ORDER))
          .intoMemorySegment(to, toOffset + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      set(to, toOffset + i, get(to, toOffset + i) + get(from, fromOffset + i));
    }
  }
}

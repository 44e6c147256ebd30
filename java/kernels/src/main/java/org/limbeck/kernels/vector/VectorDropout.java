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
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Dropout;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * dropout, Vector API. y = residual + keep x / (1 - p); gradX = keep gradY / (1 - p). Element i = r
 * cols + c is kept if word i mod 4 of Philox block i / 4 is at least round(p 2^32).
 *
 * <p>x, residual, y, gradY, gradX f32 [rows, cols], any row stride, 4-byte aligned; residual may be
 * null; y may be x or residual, gradX may be gradY. A dropped element is exactly 0 (the residual
 * alone), also where x is NaN or infinite. The bits of the reference. Rows are split over threads;
 * a thread makes the words of 1024 consecutive elements at a time, across the ends of rows, and
 * then uses them; none are made where p drops nothing. Some 30 integer operations an element; reads
 * rows cols (with a residual twice that), writes rows cols floats. Tails of rows one element at a
 * time.
 */
final class VectorDropout {
  private static final long WORDS_BYTES = 16L * VectorPhilox.MAX_BLOCKS;
  private static final long BATCH_ELEMENTS = 4L * VectorPhilox.MAX_BLOCKS;
  private static final long SCRATCH_BYTES = WORDS_BYTES + VectorPhilox.SCRATCH_BYTES;

  private static final RangeBody<VectorDropout, Dropout.Forward> FORWARD =
      (kernel, a, scratch, from, to) ->
          kernel.rows(
              a.x(),
              a.residual(),
              a.y(),
              a.seed(),
              a.stream(),
              scratch.reserve(SCRATCH_BYTES),
              from,
              to);

  private static final RangeBody<VectorDropout, Dropout.Backward> BACKWARD =
      (kernel, a, scratch, from, to) ->
          kernel.rows(
              a.gradY(),
              null,
              a.gradX(),
              a.seed(),
              a.stream(),
              scratch.reserve(SCRATCH_BYTES),
              from,
              to);

  private final float scale;
  // Comparing as signed numbers after this flip is comparing as unsigned ones before it.
  private final int flippedThreshold;

  private VectorDropout(Dropout.Spec spec) {
    scale = spec.keptScale();
    flippedThreshold = (int) spec.threshold() ^ Integer.MIN_VALUE;
  }

  static Kernel<Dropout.Forward> forward(Dropout.Spec spec) {
    VectorDropout kernel = new VectorDropout(spec);
    return (a, pool) -> kernel.run(a, pool);
  }

  static Kernel<Dropout.Backward> backward(Dropout.Spec spec) {
    VectorDropout kernel = new VectorDropout(spec);
    return (a, pool) -> kernel.run(a, pool);
  }

  private void run(Dropout.Forward a, WorkerPool pool) {
    pool.forRange(a.x().rows(), Lanes.rowsPerChunk(a.x().cols()), this, a, FORWARD);
  }

  private void run(Dropout.Backward a, WorkerPool pool) {
    pool.forRange(a.gradY().rows(), Lanes.rowsPerChunk(a.gradY().cols()), this, a, BACKWARD);
  }

  private void rows(
      Matrix in,
      Matrix residual,
      Matrix out,
      long seed,
      long stream,
      MemorySegment scratch,
      long from,
      long to) {
    if (flippedThreshold == Integer.MIN_VALUE) {
      keepAll(in, residual, out, from, to);
      return;
    }
    long cols = in.cols();
    long end = to * cols;
    long row = from;
    for (long i = from * cols; i < end; ) {
      long block = i / 4;
      long batchEnd = Math.min(end, 4 * block + BATCH_ELEMENTS);
      int blocks = (int) ((batchEnd - 4 * block + 3) / 4);
      VectorPhilox.words(seed, stream, block, blocks, scratch, WORDS_BYTES, scratch, 0);
      while (i < batchEnd) {
        long col = i - row * cols;
        long count = Math.min(cols - col, batchEnd - i);
        long words = (i - 4 * block) * Integer.BYTES;
        segment(in, residual, out, row, col, count, scratch, words);
        i += count;
        if (col + count == cols) {
          row++;
        }
      }
    }
  }

  private void keepAll(Matrix in, Matrix residual, Matrix out, long from, long to) {
    long bytes = in.cols() * Float.BYTES;
    for (long r = from; r < to; r++) {
      long io = in.rowOffsetBytes(r);
      long oo = out.rowOffsetBytes(r);
      if (residual == null) {
        scale(in.segment(), io, out.segment(), oo, bytes);
      } else {
        long ro = residual.rowOffsetBytes(r);
        scaleAndAdd(in.segment(), io, residual.segment(), ro, out.segment(), oo, bytes);
      }
    }
  }

  private void scale(MemorySegment in, long io, MemorySegment out, long oo, long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, in, io + i, ORDER)
          .mul(scale)
          .intoMemorySegment(out, oo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float y = in.get(ValueLayout.JAVA_FLOAT, io + i) * scale;
      out.set(ValueLayout.JAVA_FLOAT, oo + i, y);
    }
  }

  private void scaleAndAdd(
      MemorySegment in,
      long io,
      MemorySegment residual,
      long ro,
      MemorySegment out,
      long oo,
      long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector base = FloatVector.fromMemorySegment(F32, residual, ro + i, ORDER);
      FloatVector.fromMemorySegment(F32, in, io + i, ORDER)
          .mul(scale)
          .add(base)
          .intoMemorySegment(out, oo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float y =
          in.get(ValueLayout.JAVA_FLOAT, io + i) * scale
              + residual.get(ValueLayout.JAVA_FLOAT, ro + i);
      out.set(ValueLayout.JAVA_FLOAT, oo + i, y);
    }
  }

  private void segment(
      Matrix in,
      Matrix residual,
      Matrix out,
      long row,
      long col,
      long count,
      MemorySegment scratch,
      long words) {
    long skipped = col * Float.BYTES;
    long bytes = count * Float.BYTES;
    long io = in.rowOffsetBytes(row) + skipped;
    long oo = out.rowOffsetBytes(row) + skipped;
    if (residual == null) {
      drop(in.segment(), io, scratch, words, out.segment(), oo, bytes);
    } else {
      long ro = residual.rowOffsetBytes(row) + skipped;
      dropAndAdd(
          in.segment(), io, residual.segment(), ro, scratch, words, out.segment(), oo, bytes);
    }
  }

  private void drop(
      MemorySegment in,
      long io,
      MemorySegment words,
      long wo,
      MemorySegment out,
      long oo,
      long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      VectorMask<Float> kept =
          IntVector.fromMemorySegment(I32, words, wo + i, ORDER)
              .lanewise(VectorOperators.XOR, Integer.MIN_VALUE)
              .compare(VectorOperators.GE, flippedThreshold)
              .cast(F32);
      FloatVector.zero(F32)
          .blend(FloatVector.fromMemorySegment(F32, in, io + i, ORDER).mul(scale), kept)
          .intoMemorySegment(out, oo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float y = isKept(words, wo + i) ? in.get(ValueLayout.JAVA_FLOAT, io + i) * scale : 0f;
      out.set(ValueLayout.JAVA_FLOAT, oo + i, y);
    }
  }

  private void dropAndAdd(
      MemorySegment in,
      long io,
      MemorySegment residual,
      long ro,
      MemorySegment words,
      long wo,
      MemorySegment out,
      long oo,
      long bytes) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      VectorMask<Float> kept =
          IntVector.fromMemorySegment(I32, words, wo + i, ORDER)
              .lanewise(VectorOperators.XOR, Integer.MIN_VALUE)
              .compare(VectorOperators.GE, flippedThreshold)
              .cast(F32);
      FloatVector base = FloatVector.fromMemorySegment(F32, residual, ro + i, ORDER);
      FloatVector sum = FloatVector.fromMemorySegment(F32, in, io + i, ORDER).mul(scale).add(base);
      base.blend(sum, kept).intoMemorySegment(out, oo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float base = residual.get(ValueLayout.JAVA_FLOAT, ro + i);
      float sum = in.get(ValueLayout.JAVA_FLOAT, io + i) * scale + base;
      out.set(ValueLayout.JAVA_FLOAT, oo + i, isKept(words, wo + i) ? sum : base);
    }
  }

  private boolean isKept(MemorySegment words, long offset) {
    int word = words.get(ValueLayout.JAVA_INT, offset);
    return (word ^ Integer.MIN_VALUE) >= flippedThreshold;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * embedding, Vector API. y_i = scale table[ids_i]; gradTable[ids_i] += scale gradY_i.
 *
 * <p>table, gradTable f32 [vocab, width], ids i64 [1, n], y, gradY f32 [n, width], any row stride,
 * aligned to an element; nothing may alias. The row of the padding index gets no gradient. Float32
 * without fused operations and in ascending order of i: the bits of the reference.
 *
 * <p>Forward split over positions. Backward split over columns: each thread walks all positions in
 * order for the columns of its own, so that no two threads add to the same element and no row needs
 * an order of its own, however often one word occurs. Reads and writes n width floats, n width
 * flops forward, twice as many backward. Tails by scalars of the same arithmetic.
 */
final class VectorEmbedding {
  /** Columns a thread takes at a time: eight cache lines of each row, enough to stream. */
  private static final long COLUMNS = 128;

  private static final RangeBody<VectorEmbedding, Embedding.Forward> FORWARD =
      (kernel, a, scratch, from, to) -> kernel.gather(a, from, to);

  private static final RangeBody<VectorEmbedding, Embedding.Backward> BACKWARD =
      (kernel, a, scratch, from, to) -> kernel.scatter(a, from, to);

  private final Embedding.Spec spec;

  VectorEmbedding(Embedding.Spec spec) {
    this.spec = spec;
  }

  void forward(Embedding.Forward a, WorkerPool pool) {
    long positions = a.ids().cols();
    pool.forRange(positions, Lanes.rowsPerChunk(a.y().cols()), this, a, FORWARD);
  }

  void backward(Embedding.Backward a, WorkerPool pool) {
    // A few short rows are not worth a hand-over to other threads.
    long width = a.gradY().cols();
    long columns = Lanes.rowsPerChunk(a.ids().cols()) >= width ? width : COLUMNS;
    pool.forRange(width, columns, this, a, BACKWARD);
  }

  private void gather(Embedding.Forward a, long from, long to) {
    MemorySegment ids = a.ids().segment();
    MemorySegment table = a.table().segment();
    MemorySegment ys = a.y().segment();
    long idOffset = a.ids().offsetBytes();
    long bytes = a.y().cols() * Float.BYTES;
    for (long i = from; i < to; i++) {
      long row = ids.get(ValueLayout.JAVA_LONG, idOffset + i * Long.BYTES);
      scale(table, a.table().rowOffsetBytes(row), ys, a.y().rowOffsetBytes(i), bytes, spec.scale());
    }
  }

  private static void scale(
      MemorySegment xs, long xo, MemorySegment ys, long yo, long bytes, float factor) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER)
          .mul(factor)
          .intoMemorySegment(ys, yo + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      ys.set(ValueLayout.JAVA_FLOAT, yo + i, factor * xs.get(ValueLayout.JAVA_FLOAT, xo + i));
    }
  }

  /** Adds the columns {@code from} to {@code to} of all positions. */
  private void scatter(Embedding.Backward a, long from, long to) {
    MemorySegment ids = a.ids().segment();
    MemorySegment gs = a.gradY().segment();
    MemorySegment table = a.gradTable().segment();
    long idOffset = a.ids().offsetBytes();
    long start = from * Float.BYTES;
    long bytes = (to - from) * Float.BYTES;
    for (long i = 0; i < a.ids().cols(); i++) {
      long row = ids.get(ValueLayout.JAVA_LONG, idOffset + i * Long.BYTES);
      if (row != spec.paddingIndex()) {
        add(
            gs,
            a.gradY().rowOffsetBytes(i) + start,
            table,
            a.gradTable().rowOffsetBytes(row) + start,
            bytes,
            spec.scale());
      }
    }
  }

  private static void add(
      MemorySegment gs, long go, MemorySegment sums, long so, long bytes, float factor) {
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector term = FloatVector.fromMemorySegment(F32, gs, go + i, ORDER).mul(factor);
      FloatVector.fromMemorySegment(F32, sums, so + i, ORDER)
          .add(term)
          .intoMemorySegment(sums, so + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float term = factor * gs.get(ValueLayout.JAVA_FLOAT, go + i);
      sums.set(ValueLayout.JAVA_FLOAT, so + i, sums.get(ValueLayout.JAVA_FLOAT, so + i) + term);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The innermost part of a product: a tile of {@link #ROWS} rows and two vectors of columns, from
 * rows of op(A) in an array and a packed panel of op(B) (for each p two vectors), into scratch; and
 * from there to C.
 *
 * <p>op(A) lies in an array because its elements are read one at a time: an element of a segment
 * costs a compiler so many nodes that C1 gives up on a tile of this size, and then C2 may never be
 * asked. The distance of the rows is a constant so that one register addresses all of them.
 */
final class GemmTile {
  /** The longest sums: the rows of a tile then take half of a first cache level of 48 KB. */
  static final int DEPTH = 512;

  /** The distance of rows of op(A), not a power of two lest they share the sets of a cache. */
  static final int PITCH = DEPTH + 16;

  /** Rows of a tile: two accumulators each, as many as fit the 32 (AVX2: 16) registers. */
  static final int ROWS = Lanes.BITS == 256 ? 6 : 12;

  /** Columns of a tile. */
  static final int COLS = 2 * Lanes.FLOATS;

  /** Bytes of a row of a tile. */
  static final long ROW_BYTES = 2L * BYTES;

  /** Bytes of a tile. */
  static final long TILE_BYTES = ROWS * ROW_BYTES;

  private GemmTile() {}

  /**
   * Computes a whole tile.
   *
   * @param a rows of op(A), {@link #PITCH} apart; those of a tile that op(A) lacks hold anything
   * @param ao the index of the first element of the first
   * @param b packed B
   * @param bo where its panel begins
   * @param kc the length of the sums, at most {@link #DEPTH}
   * @param t where the tile is written
   * @param to its byte offset
   */
  static void multiply(
      float[] a, int ao, MemorySegment b, long bo, int kc, MemorySegment t, long to) {
    if (ROWS == 6) {
      rows6(a, ao, b, bo, kc, t, to);
    } else {
      rows12(a, ao, b, bo, kc, t, to);
    }
  }

  /**
   * 12 rows, 24 accumulators as local variables: C2 keeps those in registers, which it does with no
   * array of vectors; hence a method for each height. No helper methods: past its node limit C2
   * inlines only the library's own (those it is forced to), and a vector that leaves a method
   * becomes an object.
   */
  private static void rows12(
      float[] a, int ao, MemorySegment b, long bo, int kc, MemorySegment t, long to) {
    FloatVector zero = FloatVector.zero(F32);
    FloatVector c0a = zero;
    FloatVector c0b = zero;
    FloatVector c1a = zero;
    FloatVector c1b = zero;
    FloatVector c2a = zero;
    FloatVector c2b = zero;
    FloatVector c3a = zero;
    FloatVector c3b = zero;
    FloatVector c4a = zero;
    FloatVector c4b = zero;
    FloatVector c5a = zero;
    FloatVector c5b = zero;
    FloatVector c6a = zero;
    FloatVector c6b = zero;
    FloatVector c7a = zero;
    FloatVector c7b = zero;
    FloatVector c8a = zero;
    FloatVector c8b = zero;
    FloatVector c9a = zero;
    FloatVector c9b = zero;
    FloatVector c10a = zero;
    FloatVector c10b = zero;
    FloatVector c11a = zero;
    FloatVector c11b = zero;
    for (int p = 0; p < kc; p++) {
      long row = bo + p * ROW_BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(F32, b, row, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(F32, b, row + BYTES, ORDER);
      int at = ao + p;
      FloatVector x = FloatVector.broadcast(F32, a[at]);
      c0a = b0.fma(x, c0a);
      c0b = b1.fma(x, c0b);
      x = FloatVector.broadcast(F32, a[at + PITCH]);
      c1a = b0.fma(x, c1a);
      c1b = b1.fma(x, c1b);
      x = FloatVector.broadcast(F32, a[at + 2 * PITCH]);
      c2a = b0.fma(x, c2a);
      c2b = b1.fma(x, c2b);
      x = FloatVector.broadcast(F32, a[at + 3 * PITCH]);
      c3a = b0.fma(x, c3a);
      c3b = b1.fma(x, c3b);
      x = FloatVector.broadcast(F32, a[at + 4 * PITCH]);
      c4a = b0.fma(x, c4a);
      c4b = b1.fma(x, c4b);
      x = FloatVector.broadcast(F32, a[at + 5 * PITCH]);
      c5a = b0.fma(x, c5a);
      c5b = b1.fma(x, c5b);
      x = FloatVector.broadcast(F32, a[at + 6 * PITCH]);
      c6a = b0.fma(x, c6a);
      c6b = b1.fma(x, c6b);
      x = FloatVector.broadcast(F32, a[at + 7 * PITCH]);
      c7a = b0.fma(x, c7a);
      c7b = b1.fma(x, c7b);
      x = FloatVector.broadcast(F32, a[at + 8 * PITCH]);
      c8a = b0.fma(x, c8a);
      c8b = b1.fma(x, c8b);
      x = FloatVector.broadcast(F32, a[at + 9 * PITCH]);
      c9a = b0.fma(x, c9a);
      c9b = b1.fma(x, c9b);
      x = FloatVector.broadcast(F32, a[at + 10 * PITCH]);
      c10a = b0.fma(x, c10a);
      c10b = b1.fma(x, c10b);
      x = FloatVector.broadcast(F32, a[at + 11 * PITCH]);
      c11a = b0.fma(x, c11a);
      c11b = b1.fma(x, c11b);
    }
    c0a.intoMemorySegment(t, to, ORDER);
    c0b.intoMemorySegment(t, to + BYTES, ORDER);
    c1a.intoMemorySegment(t, to + ROW_BYTES, ORDER);
    c1b.intoMemorySegment(t, to + ROW_BYTES + BYTES, ORDER);
    c2a.intoMemorySegment(t, to + 2 * ROW_BYTES, ORDER);
    c2b.intoMemorySegment(t, to + 2 * ROW_BYTES + BYTES, ORDER);
    c3a.intoMemorySegment(t, to + 3 * ROW_BYTES, ORDER);
    c3b.intoMemorySegment(t, to + 3 * ROW_BYTES + BYTES, ORDER);
    c4a.intoMemorySegment(t, to + 4 * ROW_BYTES, ORDER);
    c4b.intoMemorySegment(t, to + 4 * ROW_BYTES + BYTES, ORDER);
    c5a.intoMemorySegment(t, to + 5 * ROW_BYTES, ORDER);
    c5b.intoMemorySegment(t, to + 5 * ROW_BYTES + BYTES, ORDER);
    c6a.intoMemorySegment(t, to + 6 * ROW_BYTES, ORDER);
    c6b.intoMemorySegment(t, to + 6 * ROW_BYTES + BYTES, ORDER);
    c7a.intoMemorySegment(t, to + 7 * ROW_BYTES, ORDER);
    c7b.intoMemorySegment(t, to + 7 * ROW_BYTES + BYTES, ORDER);
    c8a.intoMemorySegment(t, to + 8 * ROW_BYTES, ORDER);
    c8b.intoMemorySegment(t, to + 8 * ROW_BYTES + BYTES, ORDER);
    c9a.intoMemorySegment(t, to + 9 * ROW_BYTES, ORDER);
    c9b.intoMemorySegment(t, to + 9 * ROW_BYTES + BYTES, ORDER);
    c10a.intoMemorySegment(t, to + 10 * ROW_BYTES, ORDER);
    c10b.intoMemorySegment(t, to + 10 * ROW_BYTES + BYTES, ORDER);
    c11a.intoMemorySegment(t, to + 11 * ROW_BYTES, ORDER);
    c11b.intoMemorySegment(t, to + 11 * ROW_BYTES + BYTES, ORDER);
  }

  /** 6 rows, 12 accumulators. */
  private static void rows6(
      float[] a, int ao, MemorySegment b, long bo, int kc, MemorySegment t, long to) {
    FloatVector zero = FloatVector.zero(F32);
    FloatVector c0a = zero;
    FloatVector c0b = zero;
    FloatVector c1a = zero;
    FloatVector c1b = zero;
    FloatVector c2a = zero;
    FloatVector c2b = zero;
    FloatVector c3a = zero;
    FloatVector c3b = zero;
    FloatVector c4a = zero;
    FloatVector c4b = zero;
    FloatVector c5a = zero;
    FloatVector c5b = zero;
    for (int p = 0; p < kc; p++) {
      long row = bo + p * ROW_BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(F32, b, row, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(F32, b, row + BYTES, ORDER);
      int at = ao + p;
      FloatVector x = FloatVector.broadcast(F32, a[at]);
      c0a = b0.fma(x, c0a);
      c0b = b1.fma(x, c0b);
      x = FloatVector.broadcast(F32, a[at + PITCH]);
      c1a = b0.fma(x, c1a);
      c1b = b1.fma(x, c1b);
      x = FloatVector.broadcast(F32, a[at + 2 * PITCH]);
      c2a = b0.fma(x, c2a);
      c2b = b1.fma(x, c2b);
      x = FloatVector.broadcast(F32, a[at + 3 * PITCH]);
      c3a = b0.fma(x, c3a);
      c3b = b1.fma(x, c3b);
      x = FloatVector.broadcast(F32, a[at + 4 * PITCH]);
      c4a = b0.fma(x, c4a);
      c4b = b1.fma(x, c4b);
      x = FloatVector.broadcast(F32, a[at + 5 * PITCH]);
      c5a = b0.fma(x, c5a);
      c5b = b1.fma(x, c5b);
    }
    c0a.intoMemorySegment(t, to, ORDER);
    c0b.intoMemorySegment(t, to + BYTES, ORDER);
    c1a.intoMemorySegment(t, to + ROW_BYTES, ORDER);
    c1b.intoMemorySegment(t, to + ROW_BYTES + BYTES, ORDER);
    c2a.intoMemorySegment(t, to + 2 * ROW_BYTES, ORDER);
    c2b.intoMemorySegment(t, to + 2 * ROW_BYTES + BYTES, ORDER);
    c3a.intoMemorySegment(t, to + 3 * ROW_BYTES, ORDER);
    c3b.intoMemorySegment(t, to + 3 * ROW_BYTES + BYTES, ORDER);
    c4a.intoMemorySegment(t, to + 4 * ROW_BYTES, ORDER);
    c4b.intoMemorySegment(t, to + 4 * ROW_BYTES + BYTES, ORDER);
    c5a.intoMemorySegment(t, to + 5 * ROW_BYTES, ORDER);
    c5b.intoMemorySegment(t, to + 5 * ROW_BYTES + BYTES, ORDER);
  }

  /**
   * C = alpha tile + beta C for the part of a tile that lies in C. beta = 0 does not read C.
   *
   * @param bytes the bytes of a row of that part
   */
  static void write(
      MemorySegment t,
      long to,
      long rows,
      long bytes,
      float alpha,
      float beta,
      MemorySegment c,
      long co,
      long stride) {
    if (bytes < ROW_BYTES) {
      for (long r = 0; r < rows; r++) {
        writePart(t, to + r * ROW_BYTES, bytes, alpha, beta, c, co + r * stride);
      }
    } else if (beta == 0) {
      store(t, to, rows, alpha, c, co, stride);
    } else {
      add(t, to, rows, alpha, beta, c, co, stride);
    }
  }

  private static void store(
      MemorySegment t, long to, long rows, float alpha, MemorySegment c, long co, long stride) {
    FloatVector factor = FloatVector.broadcast(F32, alpha);
    for (long r = 0; r < rows; r++) {
      long from = to + r * ROW_BYTES;
      long at = co + r * stride;
      FloatVector.fromMemorySegment(F32, t, from, ORDER)
          .mul(factor)
          .intoMemorySegment(c, at, ORDER);
      FloatVector.fromMemorySegment(F32, t, from + BYTES, ORDER)
          .mul(factor)
          .intoMemorySegment(c, at + BYTES, ORDER);
    }
  }

  private static void add(
      MemorySegment t,
      long to,
      long rows,
      float alpha,
      float beta,
      MemorySegment c,
      long co,
      long stride) {
    FloatVector factor = FloatVector.broadcast(F32, alpha);
    FloatVector kept = FloatVector.broadcast(F32, beta);
    for (long r = 0; r < rows; r++) {
      long from = to + r * ROW_BYTES;
      long at = co + r * stride;
      FloatVector previous = FloatVector.fromMemorySegment(F32, c, at, ORDER).mul(kept);
      FloatVector.fromMemorySegment(F32, t, from, ORDER)
          .fma(factor, previous)
          .intoMemorySegment(c, at, ORDER);
      previous = FloatVector.fromMemorySegment(F32, c, at + BYTES, ORDER).mul(kept);
      FloatVector.fromMemorySegment(F32, t, from + BYTES, ORDER)
          .fma(factor, previous)
          .intoMemorySegment(c, at + BYTES, ORDER);
    }
  }

  /** A row of any length up to a tile's, one element at a time, with the arithmetic of vectors. */
  static void writePart(
      MemorySegment t, long to, long bytes, float alpha, float beta, MemorySegment c, long co) {
    for (long i = 0; i < bytes; i += Float.BYTES) {
      float sum = t.get(JAVA_FLOAT, to + i);
      float value =
          beta == 0 ? alpha * sum : Math.fma(sum, alpha, c.get(JAVA_FLOAT, co + i) * beta);
      c.set(JAVA_FLOAT, co + i, value);
    }
  }
}

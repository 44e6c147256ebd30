// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import org.limbeck.kernels.memory.Workspace;

/**
 * Products with few rows or columns, where packing would cost as much as the product: each element
 * of the large operand is used a few times only and is read where it lies.
 */
final class GemmSkinny {
  /** Neither rows nor columns are few. */
  static final int NONE = 0;

  /** Few rows, B stored as [k, n]: sums of multiples of rows of B. */
  static final int SUMS = 1;

  /** Few rows, B stored as [n, k]: a dot product for each element. */
  static final int DOTS_OF_ROWS = 2;

  /** Few columns, A stored as [m, k]: likewise. */
  static final int DOTS_OF_COLUMNS = 3;

  /** Few columns, A stored as [k, m]: sums of multiples of rows of A, which are columns of C. */
  static final int SUMS_OF_COLUMNS = 4;

  private static final long LINES_OF_SUMS = 8;
  private static final long LINES_OF_DOTS = 4;

  private static final long DOT_BYTES = LINES_OF_DOTS * Tail.SLOT_BYTES;

  /** Columns of C that are summed at a time, so that they stay in the first cache levels. */
  private static final long WIDTH = 1024;

  private GemmSkinny() {}

  /** Returns which of the constants a product is. */
  static int kind(boolean transA, boolean transB, long m, long n) {
    if (m <= LINES_OF_DOTS && transB) {
      return DOTS_OF_ROWS;
    }
    if (n <= LINES_OF_DOTS && !transA) {
      return DOTS_OF_COLUMNS;
    }
    if (m <= LINES_OF_SUMS && !transB) {
      return SUMS;
    }
    return n <= LINES_OF_SUMS && transA ? SUMS_OF_COLUMNS : NONE;
  }

  /** Returns whether a product of some kind has few columns, so that threads share its rows. */
  static boolean fewColumns(int kind) {
    return kind == DOTS_OF_COLUMNS || kind == SUMS_OF_COLUMNS;
  }

  /** Computes a product, or a part of one; the parameters are those of {@link VectorGemm}. */
  static void multiply(
      int kind,
      boolean transA,
      boolean transB,
      long m,
      long n,
      long k,
      float alpha,
      MemorySegment a,
      long aOffset,
      long aStride,
      MemorySegment b,
      long bOffset,
      long bStride,
      float beta,
      MemorySegment c,
      long cOffset,
      long cStride,
      Workspace scratch) {
    if (kind == SUMS) {
      sums(
          transA, m, n, k, alpha, a, aOffset, aStride, b, bOffset, bStride, beta, c, cOffset,
          cStride, false, scratch);
      return;
    }
    if (kind == SUMS_OF_COLUMNS) {
      // The transpose of C is op(B)^T op(A)^T: few rows, and A is stored as sums want it.
      sums(
          !transB, n, m, k, alpha, b, bOffset, bStride, a, aOffset, aStride, beta, c, cOffset,
          cStride, true, scratch);
      return;
    }
    // The operand of few lines is copied to lines of k where it is not stored so.
    boolean copy = kind == DOTS_OF_ROWS ? transA : !transB;
    long lines = kind == DOTS_OF_ROWS ? m : n;
    long lineBytes = VectorGemm.roundUp(k * Float.BYTES, Tail.SLOT_BYTES);
    MemorySegment s = scratch.reserve(DOT_BYTES + (copy ? lines * lineBytes : 0));
    MemorySegment few = kind == DOTS_OF_ROWS ? a : b;
    long fewOffset = kind == DOTS_OF_ROWS ? aOffset : bOffset;
    long fewStride = kind == DOTS_OF_ROWS ? aStride : bStride;
    if (copy) {
      for (long i = 0; i < lines; i++) {
        long from = fewOffset + i * Float.BYTES;
        long to = DOT_BYTES + i * lineBytes;
        GemmPack.copyLine(few, from, fewStride, k, s, to, Float.BYTES);
      }
      few = s;
      fewOffset = DOT_BYTES;
      fewStride = lineBytes;
    }
    if (kind == DOTS_OF_ROWS) {
      for (long j = 0; j < n; j++) {
        long bo = bOffset + j * bStride;
        dots(few, fewOffset, fewStride, m, b, bo, k * Float.BYTES, s);
        for (long i = 0; i < m; i++) {
          long at = cOffset + i * cStride + j * Float.BYTES;
          GemmTile.writePart(s, i * Tail.SLOT_BYTES, Float.BYTES, alpha, beta, c, at);
        }
      }
    } else {
      for (long i = 0; i < m; i++) {
        long ao = aOffset + i * aStride;
        dots(few, fewOffset, fewStride, n, a, ao, k * Float.BYTES, s);
        for (long j = 0; j < n; j++) {
          long at = cOffset + i * cStride + j * Float.BYTES;
          GemmTile.writePart(s, j * Tail.SLOT_BYTES, Float.BYTES, alpha, beta, c, at);
        }
      }
    }
  }

  /** Stores the dot products of up to four lines with another at the beginning of slots. */
  private static void dots(
      MemorySegment few,
      long fo,
      long stride,
      long lines,
      MemorySegment x,
      long xo,
      long bytes,
      MemorySegment s) {
    long whole = Lanes.wholeBytes(bytes);
    if (lines == LINES_OF_DOTS) {
      fourDots(few, fo, stride, x, xo, whole, s);
    } else {
      for (long i = 0; i < lines; i++) {
        dot(few, fo + i * stride, x, xo, whole, s, i * Tail.SLOT_BYTES);
      }
    }
    for (long line = 0; line < lines; line++) {
      float sum = Lanes.sum(s, line * Tail.SLOT_BYTES);
      for (long i = whole; i < bytes; i += Float.BYTES) {
        float left = few.get(ValueLayout.JAVA_FLOAT, fo + line * stride + i);
        sum = Math.fma(left, x.get(ValueLayout.JAVA_FLOAT, xo + i), sum);
      }
      s.set(ValueLayout.JAVA_FLOAT, line * Tail.SLOT_BYTES, sum);
    }
  }

  private static void dot(
      MemorySegment a, long ao, MemorySegment x, long xo, long bytes, MemorySegment s, long so) {
    FloatVector sum = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(F32, x, xo + i, ORDER);
      sum = FloatVector.fromMemorySegment(F32, a, ao + i, ORDER).fma(v, sum);
    }
    sum.intoMemorySegment(s, so, ORDER);
  }

  private static void fourDots(
      MemorySegment a,
      long ao,
      long stride,
      MemorySegment x,
      long xo,
      long bytes,
      MemorySegment s) {
    FloatVector sum0 = FloatVector.zero(F32);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(F32, x, xo + i, ORDER);
      long at = ao + i;
      sum0 = FloatVector.fromMemorySegment(F32, a, at, ORDER).fma(v, sum0);
      sum1 = FloatVector.fromMemorySegment(F32, a, at + stride, ORDER).fma(v, sum1);
      sum2 = FloatVector.fromMemorySegment(F32, a, at + 2 * stride, ORDER).fma(v, sum2);
      sum3 = FloatVector.fromMemorySegment(F32, a, at + 3 * stride, ORDER).fma(v, sum3);
    }
    sum0.intoMemorySegment(s, 0, ORDER);
    sum1.intoMemorySegment(s, Tail.SLOT_BYTES, ORDER);
    sum2.intoMemorySegment(s, 2 * Tail.SLOT_BYTES, ORDER);
    sum3.intoMemorySegment(s, 3 * Tail.SLOT_BYTES, ORDER);
  }

  /** Few rows of sums; {@code transposed}: they are columns of C. */
  private static void sums(
      boolean transA,
      long m,
      long n,
      long k,
      float alpha,
      MemorySegment a,
      long aOffset,
      long aStride,
      MemorySegment b,
      long bOffset,
      long bStride,
      float beta,
      MemorySegment c,
      long cOffset,
      long cStride,
      boolean transposed,
      Workspace scratch) {
    MemorySegment s = scratch.reserve(m * WIDTH * Float.BYTES);
    long stepOfA = transA ? aStride : Float.BYTES;
    for (long j = 0; j < n; j += WIDTH) {
      long bytes = Math.min(WIDTH, n - j) * Float.BYTES;
      long rowBytes = VectorGemm.roundUp(bytes, Tail.SLOT_BYTES);
      for (long i = 0; i < m; i++) {
        clear(s, i * rowBytes, rowBytes);
      }
      for (long p = 0; p < k; p += 4) {
        long bo = bOffset + p * bStride + j * Float.BYTES;
        for (long i = 0; i < m; i++) {
          long ao = aOffset + VectorGemm.offset(transA, i, p, aStride);
          if (p + 4 <= k) {
            addFour(a, ao, stepOfA, b, bo, bStride, bytes, s, i * rowBytes);
          } else {
            for (long q = 0; q < k - p; q++) {
              addOne(a, ao + q * stepOfA, b, bo + q * bStride, bytes, s, i * rowBytes);
            }
          }
        }
      }
      // To a row of C at once what a row of a tile holds, to a column one element.
      long step = transposed ? Float.BYTES : GemmTile.ROW_BYTES;
      for (long i = 0; i < m; i++) {
        for (long at = 0; at < bytes; at += step) {
          long part = Math.min(step, bytes - at);
          long to = cOffset + VectorGemm.offset(transposed, i, j + at / Float.BYTES, cStride);
          GemmTile.write(s, i * rowBytes + at, 1, part, alpha, beta, c, to, cStride);
        }
      }
    }
  }

  private static void clear(MemorySegment s, long offset, long bytes) {
    FloatVector zero = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      zero.intoMemorySegment(s, offset + i, ORDER);
    }
  }

  /** Adds multiples of four rows of B to a row of sums. */
  private static void addFour(
      MemorySegment a,
      long ao,
      long step,
      MemorySegment b,
      long bo,
      long stride,
      long bytes,
      MemorySegment s,
      long so) {
    float x0 = a.get(ValueLayout.JAVA_FLOAT, ao);
    float x1 = a.get(ValueLayout.JAVA_FLOAT, ao + step);
    float x2 = a.get(ValueLayout.JAVA_FLOAT, ao + 2 * step);
    float x3 = a.get(ValueLayout.JAVA_FLOAT, ao + 3 * step);
    FloatVector v0 = FloatVector.broadcast(F32, x0);
    FloatVector v1 = FloatVector.broadcast(F32, x1);
    FloatVector v2 = FloatVector.broadcast(F32, x2);
    FloatVector v3 = FloatVector.broadcast(F32, x3);
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector sum = FloatVector.fromMemorySegment(F32, s, so + i, ORDER);
      long at = bo + i;
      sum = FloatVector.fromMemorySegment(F32, b, at, ORDER).fma(v0, sum);
      sum = FloatVector.fromMemorySegment(F32, b, at + stride, ORDER).fma(v1, sum);
      sum = FloatVector.fromMemorySegment(F32, b, at + 2 * stride, ORDER).fma(v2, sum);
      sum = FloatVector.fromMemorySegment(F32, b, at + 3 * stride, ORDER).fma(v3, sum);
      sum.intoMemorySegment(s, so + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float sum = s.get(ValueLayout.JAVA_FLOAT, so + i);
      long at = bo + i;
      sum = Math.fma(b.get(ValueLayout.JAVA_FLOAT, at), x0, sum);
      sum = Math.fma(b.get(ValueLayout.JAVA_FLOAT, at + stride), x1, sum);
      sum = Math.fma(b.get(ValueLayout.JAVA_FLOAT, at + 2 * stride), x2, sum);
      sum = Math.fma(b.get(ValueLayout.JAVA_FLOAT, at + 3 * stride), x3, sum);
      s.set(ValueLayout.JAVA_FLOAT, so + i, sum);
    }
  }

  private static void addOne(
      MemorySegment a, long ao, MemorySegment b, long bo, long bytes, MemorySegment s, long so) {
    float x = a.get(ValueLayout.JAVA_FLOAT, ao);
    FloatVector v = FloatVector.broadcast(F32, x);
    long whole = Lanes.wholeBytes(bytes);
    long i = 0;
    for (; i < whole; i += BYTES) {
      FloatVector.fromMemorySegment(F32, b, bo + i, ORDER)
          .fma(v, FloatVector.fromMemorySegment(F32, s, so + i, ORDER))
          .intoMemorySegment(s, so + i, ORDER);
    }
    for (; i < bytes; i += Float.BYTES) {
      float sum = s.get(ValueLayout.JAVA_FLOAT, so + i);
      s.set(
          ValueLayout.JAVA_FLOAT, so + i, Math.fma(b.get(ValueLayout.JAVA_FLOAT, bo + i), x, sum));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Packs the operands of a product: op(A) into rows, op(B) into panels. A panel holds the columns of
 * a tile; for each p of the sum it has consecutive floats, one of each column. Columns past the end
 * are 0.
 *
 * <p>A as [m, k] and B as [k, n] are copied, A as [k, m] and B as [n, k] transposed.
 */
final class GemmPack {
  private static final IntVector LOW =
      IntVector.fromArray(IntVector.SPECIES_128, new int[] {0, 4, 1, 5}, 0);
  private static final IntVector HIGH =
      IntVector.fromArray(IntVector.SPECIES_128, new int[] {2, 6, 3, 7}, 0);

  private GemmPack() {}

  /**
   * Copies rows of op(A) into an array, {@link GemmTile#PITCH} apart.
   *
   * @param trans whether A is stored as [k, m]
   * @param a A
   * @param offset where its first element to copy lies
   * @param stride its row stride in bytes
   * @param kc the length of the sums
   * @param rows the rows to copy
   * @param staging if {@code trans}, scratch for as many floats as are written to the array
   * @param so its byte offset
   * @param to the rows, from the beginning
   */
  static void rowsOfA(
      boolean trans,
      MemorySegment a,
      long offset,
      long stride,
      long kc,
      long rows,
      MemorySegment staging,
      long so,
      float[] to) {
    MemorySegment from = a;
    long fromOffset = offset;
    long fromStride = stride;
    if (trans) {
      from = staging;
      fromOffset = so;
      fromStride = GemmTile.PITCH * Float.BYTES;
      transpose(a, offset, stride, kc, rows, staging, so, fromStride);
    }
    for (int i = 0; i < rows; i++) {
      copyRow(from, fromOffset + i * fromStride, (int) kc, to, i * GemmTile.PITCH);
    }
  }

  private static void copyRow(MemorySegment s, long offset, int count, float[] to, int at) {
    int i = 0;
    for (; i <= count - Lanes.FLOATS; i += Lanes.FLOATS) {
      FloatVector.fromMemorySegment(F32, s, offset + (long) i * Float.BYTES, ORDER)
          .intoArray(to, at + i);
    }
    for (; i < count; i++) {
      to[at + i] = s.get(ValueLayout.JAVA_FLOAT, offset + (long) i * Float.BYTES);
    }
  }

  /**
   * Packs panels of op(B).
   *
   * @param trans whether B is stored as [n, k]
   * @param b B
   * @param offset where its first element to pack lies
   * @param stride its row stride in bytes
   * @param kc the length of the sums
   * @param cols the columns to pack, of which the last panel may lack some
   * @param to where the panels are written
   * @param at the byte offset of the first
   */
  static void colsOfB(
      boolean trans,
      MemorySegment b,
      long offset,
      long stride,
      long kc,
      long cols,
      MemorySegment to,
      long at) {
    long panelBytes = kc * GemmTile.ROW_BYTES;
    for (long j = 0; j < cols; j += GemmTile.COLS) {
      long lines = Math.min(GemmTile.COLS, cols - j);
      if (trans) {
        transpose(b, offset + j * stride, stride, lines, kc, to, at, GemmTile.ROW_BYTES);
      } else if (lines == GemmTile.COLS) {
        copyPanel(b, offset + j * Float.BYTES, stride, kc, to, at);
      } else {
        copyPart(b, offset + j * Float.BYTES, stride, lines, kc, to, at);
      }
      for (long line = lines; line < GemmTile.COLS; line++) {
        clearLine(kc, to, at + line * Float.BYTES, GemmTile.ROW_BYTES);
      }
      at += panelBytes;
    }
  }

  private static void copyPanel(
      MemorySegment s, long offset, long stride, long kc, MemorySegment to, long at) {
    for (long p = 0; p < kc; p++) {
      FloatVector.fromMemorySegment(F32, s, offset + p * stride, ORDER)
          .intoMemorySegment(to, at + p * GemmTile.ROW_BYTES, ORDER);
      FloatVector.fromMemorySegment(F32, s, offset + p * stride + BYTES, ORDER)
          .intoMemorySegment(to, at + p * GemmTile.ROW_BYTES + BYTES, ORDER);
    }
  }

  /** Some columns of a panel. */
  private static void copyPart(
      MemorySegment s, long offset, long stride, long lines, long kc, MemorySegment to, long at) {
    long line = 0;
    for (; line + 4 <= lines; line += 4) {
      long column = at + line * Float.BYTES;
      copyQuads(s, offset + line * Float.BYTES, stride, kc, to, column, GemmTile.ROW_BYTES);
    }
    for (; line < lines; line++) {
      long column = at + line * Float.BYTES;
      copyLine(s, offset + line * Float.BYTES, stride, kc, to, column, GemmTile.ROW_BYTES);
    }
  }

  /**
   * Transposes {@code lines} rows of {@code count} elements, {@code stride} bytes apart, to {@code
   * count} rows {@code step} bytes apart.
   */
  private static void transpose(
      MemorySegment s,
      long offset,
      long stride,
      long lines,
      long count,
      MemorySegment to,
      long at,
      long step) {
    long quads = count & -4;
    long line = 0;
    for (; line + 4 <= lines; line += 4) {
      long from = offset + line * stride;
      long column = at + line * Float.BYTES;
      transposeQuads(s, from, stride, quads, to, column, step);
      for (long p = quads; p < count; p++) {
        copyLine(s, from + p * Float.BYTES, stride, 4, to, column + p * step, Float.BYTES);
      }
    }
    for (; line < lines; line++) {
      copyLine(s, offset + line * stride, Float.BYTES, count, to, at + line * Float.BYTES, step);
    }
  }

  private static void copyQuads(
      MemorySegment s, long offset, long stride, long kc, MemorySegment to, long at, long step) {
    for (long p = 0; p < kc; p++) {
      IntVector.fromMemorySegment(IntVector.SPECIES_128, s, offset + p * stride, ORDER)
          .intoMemorySegment(to, at + p * step, ORDER);
    }
  }

  /** Four lines, four elements of each at a time. */
  private static void transposeQuads(
      MemorySegment s, long offset, long stride, long kc, MemorySegment to, long at, long step) {
    for (long p = 0; p < kc; p += 4) {
      long from = offset + p * Float.BYTES;
      IntVector a = IntVector.fromMemorySegment(IntVector.SPECIES_128, s, from, ORDER);
      IntVector b = IntVector.fromMemorySegment(IntVector.SPECIES_128, s, from + stride, ORDER);
      IntVector c = IntVector.fromMemorySegment(IntVector.SPECIES_128, s, from + 2 * stride, ORDER);
      IntVector d = IntVector.fromMemorySegment(IntVector.SPECIES_128, s, from + 3 * stride, ORDER);
      IntVector ac = LOW.selectFrom(a, c);
      IntVector bd = LOW.selectFrom(b, d);
      IntVector ac2 = HIGH.selectFrom(a, c);
      IntVector bd2 = HIGH.selectFrom(b, d);
      long out = at + p * step;
      LOW.selectFrom(ac, bd).intoMemorySegment(to, out, ORDER);
      HIGH.selectFrom(ac, bd).intoMemorySegment(to, out + step, ORDER);
      LOW.selectFrom(ac2, bd2).intoMemorySegment(to, out + 2 * step, ORDER);
      HIGH.selectFrom(ac2, bd2).intoMemorySegment(to, out + 3 * step, ORDER);
    }
  }

  /** Copies elements that lie {@code stride} bytes apart to where they lie {@code step} apart. */
  static void copyLine(
      MemorySegment s, long offset, long stride, long count, MemorySegment to, long at, long step) {
    for (long p = 0; p < count; p++) {
      to.set(
          ValueLayout.JAVA_FLOAT,
          at + p * step,
          s.get(ValueLayout.JAVA_FLOAT, offset + p * stride));
    }
  }

  private static void clearLine(long count, MemorySegment to, long at, long step) {
    for (long p = 0; p < count; p++) {
      to.set(ValueLayout.JAVA_FLOAT, at + p * step, 0f);
    }
  }
}

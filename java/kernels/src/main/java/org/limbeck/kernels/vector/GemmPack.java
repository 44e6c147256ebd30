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
 * Packs the operands of a product into panels. A panel holds w lines (rows of op(A) or columns of
 * op(B)); for each p of the sum it has w consecutive floats, one of each line. Lines past the end
 * are 0.
 *
 * <p>An operand is either stored along the lines (A as [m, k], B transposed as [n, k]), so that
 * packing transposes it, or across them (A transposed as [k, m], B as [k, n]), so that it copies.
 */
final class GemmPack {
  private static final IntVector LOW =
      IntVector.fromArray(IntVector.SPECIES_128, new int[] {0, 4, 1, 5}, 0);
  private static final IntVector HIGH =
      IntVector.fromArray(IntVector.SPECIES_128, new int[] {2, 6, 3, 7}, 0);

  private GemmPack() {}

  /**
   * Packs panels of A.
   *
   * @param trans whether A is stored as [k, m]
   * @param a A
   * @param offset where its first element to pack lies
   * @param stride its row stride in bytes
   * @param kc the length of the sums
   * @param rows the rows to pack, of which the last panel may lack some
   * @param to where the panels are written
   * @param at the byte offset of the first
   */
  static void rowsOfA(
      boolean trans,
      MemorySegment a,
      long offset,
      long stride,
      long kc,
      long rows,
      MemorySegment to,
      long at) {
    long panelBytes = kc * GemmTile.ROWS * Float.BYTES;
    for (long i = 0; i < rows; i += GemmTile.ROWS) {
      long lines = Math.min(GemmTile.ROWS, rows - i);
      if (trans) {
        across(a, offset + i * Float.BYTES, stride, kc, lines, GemmTile.ROWS, to, at);
      } else {
        along(a, offset + i * stride, stride, kc, lines, GemmTile.ROWS, to, at);
      }
      at += panelBytes;
    }
  }

  /** Packs panels of B as {@link #rowsOfA} does those of A; trans: B is stored as [n, k]. */
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
        along(b, offset + j * stride, stride, kc, lines, GemmTile.COLS, to, at);
      } else if (lines == GemmTile.COLS) {
        copyPanel(b, offset + j * Float.BYTES, stride, kc, to, at);
      } else {
        across(b, offset + j * Float.BYTES, stride, kc, lines, GemmTile.COLS, to, at);
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

  private static void across(
      MemorySegment s,
      long offset,
      long stride,
      long kc,
      long lines,
      long width,
      MemorySegment to,
      long at) {
    long step = width * Float.BYTES;
    long line = 0;
    for (; line + 4 <= lines; line += 4) {
      copyQuads(s, offset + line * Float.BYTES, stride, kc, to, at + line * Float.BYTES, step);
    }
    for (; line < width; line++) {
      long column = at + line * Float.BYTES;
      if (line < lines) {
        copyLine(s, offset + line * Float.BYTES, stride, kc, to, column, step);
      } else {
        clearLine(kc, to, column, step);
      }
    }
  }

  private static void along(
      MemorySegment s,
      long offset,
      long stride,
      long kc,
      long lines,
      long width,
      MemorySegment to,
      long at) {
    long step = width * Float.BYTES;
    long quads = kc & -4;
    long line = 0;
    for (; line + 4 <= lines; line += 4) {
      long from = offset + line * stride;
      long column = at + line * Float.BYTES;
      transposeQuads(s, from, stride, quads, to, column, step);
      for (long p = quads; p < kc; p++) {
        copyLine(s, from + p * Float.BYTES, stride, 4, to, column + p * step, Float.BYTES);
      }
    }
    for (; line < width; line++) {
      long column = at + line * Float.BYTES;
      if (line < lines) {
        copyLine(s, offset + line * stride, Float.BYTES, kc, to, column, step);
      } else {
        clearLine(kc, to, column, step);
      }
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

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Workspace;

/**
 * C = alpha op(A) op(B) + beta C on one thread, for kernels that multiply inside a chunk.
 *
 * <p>op(A) f32 [m, k], op(B) f32 [k, n], C f32 [m, n], row-major at any 4-byte aligned offset and
 * row stride; C is separate memory; beta = 0 never reads it; k = 0 leaves beta C. Sums in float
 * over blocks of {@link #DEPTH} in the order of k, blocks added to C in order: the bits of an
 * element depend on its row of op(A), its column of op(B) and the shape alone. 2 m n k flops.
 *
 * <p>Blocks as in Goto's algorithm, with the roles of rows and columns exchanged: the rows of a
 * tile ({@link #DEPTH} long) stay in the first cache level while packed columns of op(B) stream
 * past them from the second or third. Products with few rows or columns are not packed ({@link
 * GemmSkinny}). Tails: panels are filled up with zeros, and only the part of a tile that lies in C
 * is written.
 */
final class VectorGemm {
  /** The length of the partial sums. */
  static final long DEPTH = GemmTile.DEPTH;

  /** The rows of op(A) that are copied at a time, a multiple of the rows of a tile. */
  static final int HEIGHT = 60;

  /** The length of the array that {@link #block} needs. */
  static final int ROWS_OF_A = HEIGHT * GemmTile.PITCH;

  /** The most columns of op(B) that are packed at a time here. */
  private static final long WIDTH = 2048;

  private VectorGemm() {}

  /**
   * Computes a product on the calling thread.
   *
   * @param transA whether A is stored as [k, m]
   * @param transB whether B is stored as [n, k]
   * @param m rows of C
   * @param n columns of C
   * @param k the length of the sums
   * @param alpha the factor of the product
   * @param a A, beginning at byte {@code aOffset}, with rows {@code aStrideBytes} apart
   * @param b B, likewise
   * @param beta the factor of the previous C; 0 never reads it
   * @param c C, likewise
   * @param scratch of the calling thread; what was reserved before is lost
   */
  static void multiply(
      boolean transA,
      boolean transB,
      long m,
      long n,
      long k,
      float alpha,
      MemorySegment a,
      long aOffset,
      long aStrideBytes,
      MemorySegment b,
      long bOffset,
      long bStrideBytes,
      float beta,
      MemorySegment c,
      long cOffset,
      long cStrideBytes,
      Workspace scratch) {
    int kind = GemmSkinny.kind(transA, transB, m, n);
    if (kind != GemmSkinny.NONE) {
      GemmSkinny.multiply(
          kind,
          transA,
          transB,
          m,
          n,
          k,
          alpha,
          a,
          aOffset,
          aStrideBytes,
          b,
          bOffset,
          bStrideBytes,
          beta,
          c,
          cOffset,
          cStrideBytes,
          scratch);
      return;
    }
    long depth = Math.min(k, DEPTH);
    long width = Math.min(roundUp(n, GemmTile.COLS), WIDTH);
    long columnBytes = width * depth * Float.BYTES;
    MemorySegment packed = scratch.reserve(columnBytes + blockScratchBytes(transA));
    float[] rows = scratch.reserveFloats(ROWS_OF_A);
    for (long j = 0; j < n; j += width) {
      long cols = Math.min(width, n - j);
      long p = 0;
      // Once at least: with k = 0 the sums are 0, and C still becomes beta C.
      do {
        long kc = Math.min(DEPTH, k - p);
        long from = bOffset + offset(transB, p, j, bStrideBytes);
        GemmPack.colsOfB(transB, b, from, bStrideBytes, kc, cols, packed, 0);
        for (long i = 0; i < m; i += HEIGHT) {
          block(
              transA,
              Math.min(HEIGHT, m - i),
              cols,
              kc,
              alpha,
              a,
              aOffset + offset(transA, i, p, aStrideBytes),
              aStrideBytes,
              packed,
              0,
              p == 0 ? beta : 1,
              c,
              cOffset + i * cStrideBytes + j * Float.BYTES,
              cStrideBytes,
              packed,
              columnBytes,
              rows);
        }
        p += kc;
      } while (p < k);
    }
  }

  /** Returns where element (row, col) of op(X) lies, in bytes after the first element of X. */
  static long offset(boolean trans, long row, long col, long strideBytes) {
    return trans ? col * strideBytes + row * Float.BYTES : row * strideBytes + col * Float.BYTES;
  }

  static long roundUp(long value, long multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }

  /** Returns the scratch that {@link #block} needs. */
  static long blockScratchBytes(boolean transA) {
    return GemmTile.TILE_BYTES + (transA ? (long) ROWS_OF_A * Float.BYTES : 0);
  }

  /**
   * Adds the product of some rows of op(A) and packed columns of op(B) over one block of the sum.
   *
   * @param rows at most {@link #HEIGHT}
   * @param kc the length of the sums, at most {@link #DEPTH}
   * @param packedB panels of B
   * @param bo the byte offset of the first
   * @param scratch {@link #blockScratchBytes} from byte {@code tile}, a multiple of 64
   * @param rowsOfA {@link #ROWS_OF_A} floats
   */
  static void block(
      boolean transA,
      long rows,
      long cols,
      long kc,
      float alpha,
      MemorySegment a,
      long aOffset,
      long aStrideBytes,
      MemorySegment packedB,
      long bo,
      float beta,
      MemorySegment c,
      long cOffset,
      long cStrideBytes,
      MemorySegment scratch,
      long tile,
      float[] rowsOfA) {
    long staging = tile + GemmTile.TILE_BYTES;
    GemmPack.rowsOfA(transA, a, aOffset, aStrideBytes, kc, rows, scratch, staging, rowsOfA);
    for (int i = 0; i < rows; i += GemmTile.ROWS) {
      long height = Math.min(GemmTile.ROWS, rows - i);
      long panel = bo;
      for (long j = 0; j < cols; j += GemmTile.COLS) {
        long bytes = Math.min(GemmTile.COLS, cols - j) * Float.BYTES;
        long at = cOffset + i * cStrideBytes + j * Float.BYTES;
        GemmTile.multiply(rowsOfA, i * GemmTile.PITCH, packedB, panel, (int) kc, scratch, tile);
        GemmTile.write(scratch, tile, height, bytes, alpha, beta, c, at, cStrideBytes);
        panel += kc * GemmTile.ROW_BYTES;
      }
    }
  }
}

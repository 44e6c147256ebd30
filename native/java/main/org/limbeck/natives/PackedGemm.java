// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * How products of packed operands are split: all threads pack a slab of op(A) and one of op(B), for
 * a part of the sums, and then share blocks of C. The parts are the same wherever a product is
 * computed, so that its bits are.
 *
 * @param <A> the arguments
 */
abstract class PackedGemm<A> {
  /** Rows of a packed block and columns of a packed panel. */
  private static final long ROWS = LimbeckH.LB_GEMM_ROWS();

  private static final long COLS = LimbeckH.LB_GEMM_COLS();

  /** Words of the part of a sum that is packed at a time. */
  private static final long WORDS = 256;

  private static final long HEAD_BYTES = 64;

  /** Rows and columns that are packed at a time: operands of 14 MiB stay in the last cache. */
  private static final long SLAB_ROWS = 256 * ROWS;

  private static final long SLAB_COLS = 128 * COLS;

  /** The same where a thread has a whole product to itself. */
  private static final long WHOLE_ROWS = 64 * ROWS;

  private static final long WHOLE_COLS = 32 * COLS;

  /** Rows and columns of a block of C: packed rows of 400 KB stay in the second cache level. */
  private static final long BLOCK_ROWS = 16 * ROWS;

  private static final long BLOCK_COLS = 8 * COLS;

  /** Rows and columns that a thread packs at a time. */
  private static final long PACK_ROWS = 4 * ROWS;

  private static final long PACK_COLS = 2 * COLS;

  /** About how many products, or packed elements, pay for handing work to a thread. */
  private static final long CHUNK_PRODUCTS = 1 << 21;

  private static final long CHUNK_ELEMENTS = 1 << 15;

  private final RangeBody<PackedGemm<A>, A> packBody = PackedGemm::pack;
  private final RangeBody<PackedGemm<A>, A> blocksBody = PackedGemm::blocks;
  private final RangeBody<PackedGemm<A>, A> matricesBody = PackedGemm::matrices;

  private final long depth;
  private final long perWord;

  // The product in progress, and its slab.
  private long m;
  private long n;
  private long k;
  private long matrix;
  private MemorySegment packed;
  private long offsetB;
  private long row;
  private long rows;
  private long col;
  private long cols;
  private long from;
  private long to;
  private long packsOfRows;
  private long blockRows;
  private long rowBlocks;

  /** Splits products whose packed words hold a number of elements of a sum. */
  PackedGemm(long perWord) {
    this.perWord = perWord;
    this.depth = WORDS * perWord;
  }

  /**
   * Packs rows of op(A).
   *
   * @param matrix the index within a batch
   * @param row the first row of the slab
   * @param k the first element of the sums
   * @param depth how many of them
   * @param packed where the slab of op(A) begins
   * @param first the first row to pack, from {@code row} on
   * @param end the row after the last, likewise
   */
  abstract void packRows(
      A args,
      long matrix,
      long row,
      long k,
      long depth,
      MemorySegment packed,
      long first,
      long end);

  /** Packs columns of op(B) likewise, to where its slab begins at a byte of {@code packed}. */
  abstract void packCols(
      A args,
      long matrix,
      long col,
      long k,
      long depth,
      MemorySegment packed,
      long offset,
      long first,
      long end);

  /**
   * Multiplies a block of packed operands.
   *
   * @param matrix the index within a batch
   * @param row the first row of the slab
   * @param col the first column of the slab
   * @param packed where the slab of op(A) begins
   * @param offset the byte of {@code packed} where that of op(B) begins
   * @param from the first row of the block, from {@code row} on
   * @param to the row after the last, likewise
   * @param colFrom the first column, from {@code col} on
   * @param colTo the column after the last, likewise
   * @param kFrom the first element of the sums
   * @param kTo the one after the last
   * @param k the length of the sums
   */
  abstract void multiply(
      A args,
      long matrix,
      long row,
      long col,
      MemorySegment packed,
      long offset,
      long from,
      long to,
      long colFrom,
      long colTo,
      long kFrom,
      long kTo,
      long k);

  /** Tells the shape of the products that follow. */
  final void shape(long newM, long newN, long newK) {
    m = newM;
    n = newN;
    k = newK;
  }

  /** Computes products of a batch, each on one thread. */
  final void each(A args, WorkerPool pool, long count, long chunk) {
    pool.forRange(count, chunk, this, args, matricesBody);
  }

  private long words(long elements) {
    return (elements + perWord - 1) / perWord;
  }

  private static long bytesOfRows(long rows, long words) {
    long blocks = (rows + ROWS - 1) / ROWS;
    return Native.roundUp(blocks * (HEAD_BYTES + ROWS * words * Integer.BYTES), HEAD_BYTES);
  }

  private static long bytesOfCols(long cols, long words) {
    return (cols + COLS - 1) / COLS * COLS * words * Integer.BYTES;
  }

  /** Computes a product on all threads. */
  final void product(A args, WorkerPool pool, long index) {
    matrix = index;
    for (row = 0; row < m; row += SLAB_ROWS) {
      rows = Math.min(SLAB_ROWS, m - row);
      rowBlocks = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
      // Blocks of equal height rather than a low last one, for the sake of balance.
      blockRows = Native.roundUp((rows + rowBlocks - 1) / rowBlocks, ROWS);
      for (col = 0; col < n; col += SLAB_COLS) {
        cols = Math.min(SLAB_COLS, n - col);
        from = 0;
        // Once at least: with k = 0 the sums are 0, and C still becomes what the epilogue makes.
        do {
          to = Math.min(k, from + depth);
          part(args, pool);
          from = to;
        } while (from < k);
      }
    }
  }

  private void part(A args, WorkerPool pool) {
    long words = words(to - from);
    offsetB = bytesOfRows(rows, words);
    packed = pool.shared().reserve(offsetB + bytesOfCols(cols, words));
    packsOfRows = (rows + PACK_ROWS - 1) / PACK_ROWS;
    long packs = packsOfRows + (cols + PACK_COLS - 1) / PACK_COLS;
    long elements = PACK_ROWS * Math.max(1, to - from);
    pool.forRange(packs, Math.max(1, CHUNK_ELEMENTS / elements), this, args, packBody);
    long blocks = rowBlocks * ((cols + BLOCK_COLS - 1) / BLOCK_COLS);
    long products = blockRows * Math.min(BLOCK_COLS, cols) * Math.max(1, to - from);
    pool.forRange(blocks, Math.max(1, CHUNK_PRODUCTS / products), this, args, blocksBody);
  }

  private void pack(A args, Workspace scratch, long first, long end) {
    for (long i = first; i < end; i++) {
      if (i < packsOfRows) {
        long begin = i * PACK_ROWS;
        long stop = Math.min(rows, begin + PACK_ROWS);
        packRows(args, matrix, row, from, to - from, packed, begin, stop);
      } else {
        long begin = (i - packsOfRows) * PACK_COLS;
        long stop = Math.min(cols, begin + PACK_COLS);
        packCols(args, matrix, col, from, to - from, packed, offsetB, begin, stop);
      }
    }
  }

  private void blocks(A args, Workspace scratch, long first, long end) {
    for (long index = first; index < end; index++) {
      long i = index % rowBlocks * blockRows;
      long j = index / rowBlocks * BLOCK_COLS;
      long iEnd = Math.min(rows, i + blockRows);
      long jEnd = Math.min(cols, j + BLOCK_COLS);
      if (i < iEnd) {
        multiply(args, matrix, row, col, packed, offsetB, i, iEnd, j, jEnd, from, to, k);
      }
    }
  }

  private void matrices(A args, Workspace scratch, long first, long end) {
    for (long i = first; i < end; i++) {
      whole(args, i, scratch);
    }
  }

  private void whole(A args, long index, Workspace scratch) {
    for (long i = 0; i < m; i += WHOLE_ROWS) {
      long height = Math.min(WHOLE_ROWS, m - i);
      for (long j = 0; j < n; j += WHOLE_COLS) {
        long width = Math.min(WHOLE_COLS, n - j);
        long p = 0;
        do {
          long end = Math.min(k, p + depth);
          long words = words(end - p);
          long offset = bytesOfRows(height, words);
          MemorySegment s = scratch.reserve(offset + bytesOfCols(width, words));
          packRows(args, index, i, p, end - p, s, 0, height);
          packCols(args, index, j, p, end - p, s, offset, 0, width);
          multiply(args, index, i, j, s, offset, 0, height, 0, width, p, end, k);
          p = end;
        } while (p < k);
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * How products of packed operands are split: all threads pack a slab of op(A) and one of op(B), for
 * a part of the sums, and then share blocks of C. The parts are the same wherever a product is
 * computed, so that its bits are.
 *
 * <p>Products with few rows or columns pack nothing: threads share the columns or rows of the large
 * operand, which changes no bit either.
 *
 * <p>Kernels keep the arguments of the call in progress, so that calls of the library are few
 * methods away: {@link LibraryCall} says why.
 */
abstract class PackedGemm {
  /** Rows of a packed block and columns of a packed panel. */
  private static final long ROWS = LimbeckH.LB_GEMM_ROWS();

  private static final long COLS = LimbeckH.LB_GEMM_COLS();

  /** Words of the part of a sum that is packed at a time. */
  private static final long WORDS = 1024;

  private static final long HEAD_BYTES = 64;

  /** Rows and columns that are packed at a time: operands of 17 MiB stay in the last cache. */
  private static final long SLAB_ROWS = 192 * ROWS;

  private static final long SLAB_COLS = 64 * COLS;

  /** The same where a thread has a whole product to itself. */
  private static final long WHOLE_ROWS = 64 * ROWS;

  private static final long WHOLE_COLS = 32 * COLS;

  /** Rows and columns of a block of C: packed rows of 770 KB stay in the second cache level. */
  private static final long BLOCK_ROWS = 16 * ROWS;

  private static final long BLOCK_COLS = 2 * COLS;

  /** Fewest rows and columns of a block where threads would have none otherwise. */
  private static final long SMALLEST_ROWS = 4 * ROWS;

  private static final long SMALLEST_COLS = 2 * COLS;

  /** Blocks that each thread should have even if they are small. */
  private static final long FEWEST_OF_THREAD = 2;

  /** Rows and columns that a thread packs at a time. */
  private static final long PACK_ROWS = 4 * ROWS;

  private static final long PACK_COLS = 2 * COLS;

  /** About how many products, or packed elements, pay for handing work to a thread. */
  private static final long CHUNK_PRODUCTS = 1 << 21;

  private static final long CHUNK_ELEMENTS = 1 << 15;

  /** Products with at most as many rows or columns read the other operand once, unpacked. */
  private static final long FEW = LimbeckH.LB_GEMM_FEW();

  /** About how many elements of an operand that is read once pay for handing work to a thread. */
  private static final long FEW_ELEMENTS = 1 << 18;

  /** Parts of such an operand that each of several threads should have, and their step. */
  private static final long FEW_PARTS = 4;

  private static final long FEW_STEP = 256;

  private final BlockCut cut = new BlockCut(ROWS, COLS, SMALLEST_COLS);
  private final Packing packing;
  private final Blocks blocks;
  private final Matrices matrices;
  private final FewLines fewLines;

  private final long depth;
  private final long perWord;

  // The product in progress, and its slab.
  private long m;
  private long n;
  private long k;
  private long matrix;
  private MemorySegment packed;
  private long packedB;
  private long row;
  private long rows;
  private long col;
  private long cols;
  private long from;
  private long to;
  private long packsOfRows;
  private long rowBlocks;
  private long length;
  private long part;
  private long parts;
  private long scratchBytes;

  /**
   * Splits products.
   *
   * @param function the function of the library that multiplies
   * @param perWord how many elements of a sum a packed word holds
   */
  PackedGemm(String function, long perWord) {
    this.perWord = perWord;
    this.depth = WORDS * perWord;
    this.packing = new Packing(function + "_pack");
    this.blocks = new Blocks(function);
    this.matrices = new Matrices(function);
    this.fewLines = new FewLines(function + "_few");
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
  abstract int packRows(
      long matrix, long row, long k, long depth, MemorySegment packed, long first, long end)
      throws Throwable;

  /**
   * Packs columns of op(B) likewise.
   *
   * @param packedAt where in {@code packed} the slab of op(B) begins, in bytes
   */
  abstract int packCols(
      long matrix,
      long col,
      long k,
      long depth,
      MemorySegment packed,
      long packedAt,
      long first,
      long end)
      throws Throwable;

  /**
   * Multiplies a block of packed operands.
   *
   * @param matrix the index within a batch
   * @param row the first row of the slab
   * @param col the first column of the slab
   * @param packed where the slab of op(A) begins
   * @param packedB where in {@code packed} that of op(B) begins, in bytes
   * @param from the first row of the block, from {@code row} on
   * @param to the row after the last, likewise
   * @param colFrom the first column, from {@code col} on
   * @param colTo the column after the last, likewise
   * @param kFrom the first element of the sums
   * @param kTo the one after the last
   * @param k the length of the sums
   */
  abstract int multiply(
      long matrix,
      long row,
      long col,
      MemorySegment packed,
      long packedB,
      long from,
      long to,
      long colFrom,
      long colTo,
      long kFrom,
      long kTo,
      long k)
      throws Throwable;

  /**
   * Multiplies operands of which one has few rows or columns, without packing.
   *
   * @param matrix the index within a batch
   * @param from the first column of C if C has few rows, else the first row
   * @param to the one after the last
   * @param scratch memory of {@code lb_gemm_few_scratch} bytes
   */
  abstract int multiplyFew(long matrix, long from, long to, MemorySegment scratch) throws Throwable;

  /** Tells the shape of the products that follow. */
  final void shape(long newM, long newN, long newK) {
    m = newM;
    n = newN;
    k = newK;
  }

  /** Returns whether products of this shape are those of {@link #few}. */
  final boolean isFew() {
    return m <= FEW || n <= FEW;
  }

  /** Computes products of a batch with few rows or columns. */
  final void few(WorkerPool pool, int tier, long count) {
    length = m <= FEW ? n : m;
    long elements = Math.max(1, k);
    part = Math.max(1, length);
    if (pool.threads() > 1) {
      long fewest = Math.ceilDiv(length, FEW_PARTS * pool.threads());
      long enough = Math.max(fewest, Math.ceilDiv(FEW_ELEMENTS, elements));
      part = Math.min(part, Native.roundUp(enough, FEW_STEP));
    }
    parts = Math.ceilDiv(length, part);
    scratchBytes = LimbeckH.lb_gemm_few_scratch(tier, k);
    long together = Math.max(1, FEW_ELEMENTS / elements / part);
    pool.forRange(count * parts, together, this, null, fewLines);
  }

  /** Computes products of a batch, each on one thread. */
  final void each(WorkerPool pool, long count, long chunk) {
    pool.forRange(count, chunk, this, null, matrices);
  }

  private long words(long elements) {
    return Math.ceilDiv(elements, perWord);
  }

  private static long bytesOfRows(long rows, long words) {
    long blocks = Math.ceilDiv(rows, ROWS);
    return Native.roundUp(blocks * (HEAD_BYTES + ROWS * words * Integer.BYTES), HEAD_BYTES);
  }

  private static long bytesOfCols(long cols, long words) {
    return Math.ceilDiv(cols, COLS) * COLS * words * Integer.BYTES;
  }

  /** Computes a product on all threads. */
  final void product(WorkerPool pool, long index) {
    matrix = index;
    for (row = 0; row < m; row += SLAB_ROWS) {
      rows = Math.min(SLAB_ROWS, m - row);
      for (col = 0; col < n; col += SLAB_COLS) {
        cols = Math.min(SLAB_COLS, n - col);
        cut(pool.threads());
        from = 0;
        // Once at least: with k = 0 the sums are 0, and C still becomes what the epilogue makes.
        do {
          to = Math.min(k, from + depth);
          part(pool);
          from = to;
        } while (from < k);
      }
    }
  }

  /** Cuts a slab of C into blocks that fit caches, or smaller ones if those are too few. */
  private void cut(int threads) {
    cut.cut(rows, cols, Long.MAX_VALUE, BLOCK_COLS, BLOCK_ROWS, threads);
    if (threads > 1) {
      long worth = rows * cols * Math.min(k, depth) / CHUNK_PRODUCTS;
      long fewest = Math.min(FEWEST_OF_THREAD * threads, worth);
      if (cut.count(rows, cols) < fewest) {
        cut.cut(rows, cols, fewest, SMALLEST_COLS, SMALLEST_ROWS, threads);
      }
    }
    rowBlocks = cut.down(rows);
  }

  private void part(WorkerPool pool) {
    long words = words(to - from);
    packedB = bytesOfRows(rows, words);
    packed = pool.shared().reserve(packedB + bytesOfCols(cols, words));
    packsOfRows = Math.ceilDiv(rows, PACK_ROWS);
    long packs = packsOfRows + Math.ceilDiv(cols, PACK_COLS);
    long elements = PACK_ROWS * Math.max(1, to - from);
    pool.forRange(packs, Math.max(1, CHUNK_ELEMENTS / elements), this, null, packing);
    long count = cut.count(rows, cols);
    long products = cut.rows() * cut.cols() * Math.max(1, to - from);
    pool.forRange(count, Math.max(1, CHUNK_PRODUCTS / products), this, null, blocks);
  }

  private int wholeProduct(long index, Workspace scratch) throws Throwable {
    int status = LimbeckH.LB_OK();
    for (long i = 0; i < m; i += WHOLE_ROWS) {
      long height = Math.min(WHOLE_ROWS, m - i);
      for (long j = 0; j < n; j += WHOLE_COLS) {
        long width = Math.min(WHOLE_COLS, n - j);
        long p = 0;
        do {
          long end = Math.min(k, p + depth);
          long words = words(end - p);
          long b = bytesOfRows(height, words);
          MemorySegment both = scratch.reserve(b + bytesOfCols(width, words));
          status |= packRows(index, i, p, end - p, both, 0, height);
          status |= packCols(index, j, p, end - p, both, b, 0, width);
          status |= multiply(index, i, j, both, b, 0, height, 0, width, p, end, k);
          p = end;
        } while (p < k);
      }
    }
    return status;
  }

  private final class Packing extends LibraryCall<Object, Object> {
    Packing(String function) {
      super(function);
    }

    @Override
    int call(Object kernel, Object none, Workspace scratch, long first, long end) throws Throwable {
      int status = LimbeckH.LB_OK();
      for (long i = first; i < end; i++) {
        if (i < packsOfRows) {
          long begin = i * PACK_ROWS;
          long stop = Math.min(rows, begin + PACK_ROWS);
          status |= packRows(matrix, row, from, to - from, packed, begin, stop);
        } else {
          long begin = (i - packsOfRows) * PACK_COLS;
          long stop = Math.min(cols, begin + PACK_COLS);
          status |= packCols(matrix, col, from, to - from, packed, packedB, begin, stop);
        }
      }
      return status;
    }
  }

  private final class Blocks extends LibraryCall<Object, Object> {
    Blocks(String function) {
      super(function);
    }

    @Override
    int call(Object kernel, Object none, Workspace scratch, long first, long end) throws Throwable {
      int status = LimbeckH.LB_OK();
      for (long index = first; index < end; index++) {
        long i = index % rowBlocks * cut.rows();
        long j = index / rowBlocks * cut.cols();
        long iEnd = Math.min(rows, i + cut.rows());
        long jEnd = Math.min(cols, j + cut.cols());
        status |= multiply(matrix, row, col, packed, packedB, i, iEnd, j, jEnd, from, to, k);
      }
      return status;
    }
  }

  private final class Matrices extends LibraryCall<Object, Object> {
    Matrices(String function) {
      super(function);
    }

    @Override
    int call(Object kernel, Object none, Workspace scratch, long first, long end) throws Throwable {
      int status = LimbeckH.LB_OK();
      for (long i = first; i < end; i++) {
        status |= wholeProduct(i, scratch);
      }
      return status;
    }
  }

  private final class FewLines extends LibraryCall<Object, Object> {
    FewLines(String function) {
      super(function);
    }

    @Override
    int call(Object kernel, Object none, Workspace scratch, long first, long end) throws Throwable {
      MemorySegment memory = scratch.reserve(scratchBytes);
      int status = LimbeckH.LB_OK();
      for (long i = first; i < end; i++) {
        long begin = i % parts * part;
        status |= multiplyFew(i / parts, begin, Math.min(length, begin + part), memory);
      }
      return status;
    }
  }
}

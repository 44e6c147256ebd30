// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * gemm_f32, Vector API. C = act(alpha op(A) op(B) + beta C + bias); the gradients of A and B are
 * products of this stem with other transpositions.
 *
 * <p>A f32 [m, k] or [k, m], B f32 [k, n] or [n, k], C f32 [m, n], bias f32 [1, n], any row stride,
 * 4-byte aligned, C separate memory; or a batch of them. beta = 0 does not read C; k = 0 makes the
 * product 0. Sums in float: k in blocks of 512, blocks added to C in order. Error of an element
 * below 8 u sqrt(k) sum |a_i b_i|.
 *
 * <p>A batch of small matrices is split over threads by matrices. Otherwise all threads pack op(B),
 * then share blocks of C; a slab of columns and of k at a time where op(B) is large. No split
 * changes the order of a sum. 2 m n k flops; reads m k + k n (+ m n) and writes m n floats, and the
 * packed operands once more from the caches. Tails: see {@link VectorGemm}.
 */
final class VectorGemmF32 implements Kernel<GemmF32.Arguments> {
  /** Matrices of a batch with fewer flops than this are not split. */
  private static final double WHOLE_FLOPS = 1 << 28;

  /** About how many flops pay for handing a chunk to a thread. */
  private static final double CHUNK_FLOPS = 1 << 21;

  /** The most floats of op(B) that are packed at a time: they stay in the third cache level. */
  private static final long SLAB = 1 << 22;

  /** The most of k that is packed at a time. */
  private static final long SLAB_DEPTH = 8 * VectorGemm.DEPTH;

  /** Columns of a block of C, a multiple of those of a tile: they share a copy of rows of op(A). */
  private static final long BLOCK_COLS = 768;

  private static final RangeBody<VectorGemmF32, GemmF32.Arguments> MATRICES =
      VectorGemmF32::matrices;
  private static final RangeBody<VectorGemmF32, GemmF32.Arguments> LINES = VectorGemmF32::lines;
  private static final RangeBody<VectorGemmF32, GemmF32.Arguments> PACK = VectorGemmF32::pack;
  private static final RangeBody<VectorGemmF32, GemmF32.Arguments> BLOCKS = VectorGemmF32::blocks;

  private final GemmF32.Spec spec;

  // The call in progress, and the matrix of the batch.
  private MemorySegment a;
  private MemorySegment b;
  private MemorySegment c;
  private MemorySegment bias;
  private long biasOffset;
  private long m;
  private long n;
  private long k;
  private long aOffset;
  private long bOffset;
  private long cOffset;
  private int skinny;

  // The slab in progress: columns from slabCol, sums from slabFrom.
  private MemorySegment packed;
  private long slabCol;
  private long slabCols;
  private long slabFrom;
  private long slabDepth;
  private long blockRows;
  private long rowBlocks;

  VectorGemmF32(GemmF32.Spec spec) {
    this.spec = spec;
  }

  @Override
  public void run(GemmF32.Arguments args, WorkerPool pool) {
    a = args.a().segment();
    b = args.b().segment();
    c = args.c().segment();
    Matrix added = args.bias();
    bias = added == null ? c : added.segment();
    biasOffset = added == null ? 0 : added.offsetBytes();
    m = args.m();
    n = args.n();
    k = args.k(spec);
    skinny = GemmSkinny.kind(spec.transA(), spec.transB(), m, n);
    double flops = 2.0 * m * n * Math.max(1, k);
    long count = args.batch().count();
    if (count > 1 && flops < WHOLE_FLOPS) {
      pool.forRange(count, chunk(flops), this, args, MATRICES);
      return;
    }
    for (long i = 0; i < count; i++) {
      select(args, i);
      if (skinny == GemmSkinny.NONE) {
        slabs(args, pool);
      } else {
        long lines = GemmSkinny.fewColumns(skinny) ? m : n;
        // Whole tiles, so that a row of C is not cut within a vector.
        long chunk = VectorGemm.roundUp(chunk(flops / lines), 16 * GemmTile.COLS);
        pool.forRange(lines, chunk, this, args, LINES);
      }
    }
  }

  private static long chunk(double flops) {
    return (long) Math.max(1, Math.ceil(CHUNK_FLOPS / flops));
  }

  private void select(GemmF32.Arguments args, long index) {
    aOffset = args.a().offsetBytes() + args.batch().offsetA(index) * Float.BYTES;
    bOffset = args.b().offsetBytes() + args.batch().offsetB(index) * Float.BYTES;
    cOffset = args.c().offsetBytes() + args.batch().offsetC(index) * Float.BYTES;
  }

  /** Whole matrices of a batch. */
  private void matrices(GemmF32.Arguments args, Workspace scratch, long from, long to) {
    long aStride = args.a().rowStrideBytes();
    long bStride = args.b().rowStrideBytes();
    long cStride = args.c().rowStrideBytes();
    for (long i = from; i < to; i++) {
      long ao = args.a().offsetBytes() + args.batch().offsetA(i) * Float.BYTES;
      long bo = args.b().offsetBytes() + args.batch().offsetB(i) * Float.BYTES;
      long co = args.c().offsetBytes() + args.batch().offsetC(i) * Float.BYTES;
      VectorGemm.multiply(
          spec.transA(),
          spec.transB(),
          m,
          n,
          k,
          spec.alpha(),
          a,
          ao,
          aStride,
          b,
          bo,
          bStride,
          spec.beta(),
          c,
          co,
          cStride,
          scratch);
      finish(co, cStride, m, 0, n, scratch.reserve(GemmEpilogue.SCRATCH_BYTES));
    }
  }

  /** Rows or columns of a product that has few of the other. */
  private void lines(GemmF32.Arguments args, Workspace scratch, long from, long to) {
    boolean rows = GemmSkinny.fewColumns(skinny);
    long row = rows ? from : 0;
    long col = rows ? 0 : from;
    long height = rows ? to - from : m;
    long width = rows ? n : to - from;
    long cStride = args.c().rowStrideBytes();
    long co = cOffset + VectorGemm.offset(false, row, col, cStride);
    GemmSkinny.multiply(
        skinny,
        spec.transA(),
        spec.transB(),
        height,
        width,
        k,
        spec.alpha(),
        a,
        aOffset + VectorGemm.offset(spec.transA(), row, 0, args.a().rowStrideBytes()),
        args.a().rowStrideBytes(),
        b,
        bOffset + VectorGemm.offset(spec.transB(), 0, col, args.b().rowStrideBytes()),
        args.b().rowStrideBytes(),
        spec.beta(),
        c,
        co,
        cStride,
        scratch);
    finish(co, cStride, height, col, width, scratch.reserve(GemmEpilogue.SCRATCH_BYTES));
  }

  private void slabs(GemmF32.Arguments args, WorkerPool pool) {
    long deepest = Math.min(VectorGemm.roundUp(Math.max(1, k), VectorGemm.DEPTH), SLAB_DEPTH);
    long widest = Math.max(BLOCK_COLS, SLAB / deepest / BLOCK_COLS * BLOCK_COLS);
    // Blocks of equal height rather than a low last one, for the sake of balance.
    rowBlocks = (m + VectorGemm.HEIGHT - 1) / VectorGemm.HEIGHT;
    blockRows = VectorGemm.roundUp((m + rowBlocks - 1) / rowBlocks, GemmTile.ROWS);
    rowBlocks = (m + blockRows - 1) / blockRows;
    for (slabCol = 0; slabCol < n; slabCol += widest) {
      slabCols = Math.min(widest, n - slabCol);
      long panels = (slabCols + GemmTile.COLS - 1) / GemmTile.COLS;
      slabFrom = 0;
      // Once at least: with k = 0 the sums are 0, and C still becomes act(beta C + bias).
      do {
        slabDepth = Math.min(deepest, k - slabFrom);
        packed = pool.shared().reserve(panels * GemmTile.ROW_BYTES * slabDepth);
        long depthBlocks = (slabDepth + VectorGemm.DEPTH - 1) / VectorGemm.DEPTH;
        pool.forRange(depthBlocks * panels, 4, this, args, PACK);
        long colBlocks = (slabCols + BLOCK_COLS - 1) / BLOCK_COLS;
        pool.forRange(colBlocks * rowBlocks, 1, this, args, BLOCKS);
        slabFrom += slabDepth;
      } while (slabFrom < k);
    }
  }

  /** Panels of op(B), those of a block of k after each other. */
  private void pack(GemmF32.Arguments args, Workspace scratch, long from, long to) {
    long stride = args.b().rowStrideBytes();
    long panels = (slabCols + GemmTile.COLS - 1) / GemmTile.COLS;
    for (long i = from; i < to; i++) {
      long p = i / panels * VectorGemm.DEPTH;
      long j = i % panels * GemmTile.COLS;
      long kc = Math.min(VectorGemm.DEPTH, slabDepth - p);
      GemmPack.colsOfB(
          spec.transB(),
          b,
          bOffset + VectorGemm.offset(spec.transB(), slabFrom + p, slabCol + j, stride),
          stride,
          kc,
          Math.min(GemmTile.COLS, slabCols - j),
          packed,
          panelOffset(p, kc, j));
    }
  }

  private long panelOffset(long p, long kc, long j) {
    long padded = VectorGemm.roundUp(slabCols, GemmTile.COLS);
    return (p * padded + j * kc) * Float.BYTES;
  }

  /** Blocks of C. */
  private void blocks(GemmF32.Arguments args, Workspace scratch, long from, long to) {
    long aStride = args.a().rowStrideBytes();
    long cStride = args.c().rowStrideBytes();
    for (long index = from; index < to; index++) {
      long i = index % rowBlocks * blockRows;
      long j = index / rowBlocks * BLOCK_COLS;
      long rows = Math.min(blockRows, m - i);
      long cols = Math.min(BLOCK_COLS, slabCols - j);
      long co = cOffset + VectorGemm.offset(false, i, slabCol + j, cStride);
      long bytes = VectorGemm.blockScratchBytes(spec.transA());
      MemorySegment s = scratch.reserve(Math.max(bytes, GemmEpilogue.SCRATCH_BYTES));
      long p = 0;
      do {
        long kc = Math.min(VectorGemm.DEPTH, slabDepth - p);
        long first = slabFrom + p;
        VectorGemm.block(
            spec.transA(),
            rows,
            cols,
            kc,
            spec.alpha(),
            a,
            aOffset + VectorGemm.offset(spec.transA(), i, first, aStride),
            aStride,
            packed,
            panelOffset(p, kc, j),
            first == 0 ? spec.beta() : 1,
            c,
            co,
            cStride,
            s,
            0,
            scratch.reserveFloats(VectorGemm.ROWS_OF_A));
        p += kc;
      } while (p < slabDepth);
      if (slabFrom + slabDepth == k) {
        finish(co, cStride, rows, slabCol + j, cols, s);
      }
    }
  }

  private void finish(
      long offset, long stride, long rows, long col, long cols, MemorySegment scratch) {
    GemmEpilogue.apply(
        spec.epilogue(),
        bias,
        biasOffset + col * Float.BYTES,
        c,
        offset,
        stride,
        rows,
        cols * Float.BYTES,
        scratch);
  }
}

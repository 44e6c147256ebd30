// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.kernels.op.GemmTernary.Arguments;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.packed.PackedTernary;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * gemm_ternary in C: {@code native/src/gemm_ternary}. Blocks of y are split over threads; int8
 * activations are quantized first, all rows of a slab by all threads.
 */
final class NativeGemmTernary implements Kernel<Arguments> {
  /**
   * Rows of a block at most: as many as tiles of several heights divide. 128 tokens are one block,
   * for which weights are turned once and tiles are of the greatest height.
   */
  private static final long BLOCK_ROWS = 144;

  /** Bytes of weights of a block: for one row of activations, and for many. */
  private static final long STREAMED_BYTES = 1 << 20;

  private static final long SHARED_BYTES = 1 << 15;

  /** Blocks that large weights are cut into at least. */
  private static final long LEAST_BLOCKS = 8;

  /** Columns of a block are a multiple of this: whole tiles. */
  private static final long TILE_COLS = 64;

  /** About how many products pay for handing a block to a thread. */
  private static final long BLOCK_PRODUCTS = 1 << 21;

  /** Bytes of quantized activations at a time. */
  private static final long SLAB_BYTES = 1 << 23;

  private static final long QUANTIZED_HEAD = 64;

  private static final LibraryCall<NativeGemmTernary, Arguments> QUANTIZE =
      new LibraryCall<>("lb_gemm_ternary_quantize") {
        @Override
        int call(NativeGemmTernary kernel, Arguments a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_gemm_ternary_quantize$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.x()),
                      Native.at(a.x(), kernel.slabFrom, 0),
                      a.x().rowStride(),
                      kernel.quantized,
                      from,
                      to,
                      a.k());
        }
      };
  private static final LibraryCall<NativeGemmTernary, Arguments> FLOATS =
      new LibraryCall<>("lb_gemm_ternary_f32") {
        @Override
        int call(NativeGemmTernary kernel, Arguments a, Workspace scratch, long from, long to)
            throws Throwable {
          int status = LimbeckH.LB_OK();
          for (long index = from; index < to; index++) {
            long row = index / kernel.colBlocks * kernel.blockRows;
            long col = index % kernel.colBlocks * kernel.blockCols;
            long rowEnd = Math.min(kernel.slabRows, row + kernel.blockRows);
            long colEnd = Math.min(a.n(), col + kernel.blockCols);
            status |=
                (int)
                    LimbeckH.lb_gemm_ternary_f32$handle()
                        .invokeExact(
                            kernel.tier,
                            Native.pointer(a.x()),
                            a.x().rowStride(),
                            Native.pointer(a.weights().bytes()),
                            Native.pointer(a.scale()),
                            scaleStep(a),
                            Native.optional(a.bias()),
                            Native.pointer(a.y()),
                            a.y().rowStride(),
                            row,
                            rowEnd,
                            col,
                            colEnd,
                            a.k());
          }
          return status;
        }
      };
  private static final LibraryCall<NativeGemmTernary, Arguments> INTEGERS =
      new LibraryCall<>("lb_gemm_ternary_i8") {
        @Override
        int call(NativeGemmTernary kernel, Arguments a, Workspace scratch, long from, long to)
            throws Throwable {
          int status = LimbeckH.LB_OK();
          for (long index = from; index < to; index++) {
            long row = index / kernel.colBlocks * kernel.blockRows;
            long col = index % kernel.colBlocks * kernel.blockCols;
            long rowEnd = Math.min(kernel.slabRows, row + kernel.blockRows);
            long colEnd = Math.min(a.n(), col + kernel.blockCols);
            status |=
                (int)
                    LimbeckH.lb_gemm_ternary_i8$handle()
                        .invokeExact(
                            kernel.tier,
                            kernel.quantized,
                            Native.pointer(a.weights().bytes()),
                            Native.pointer(a.scale()),
                            scaleStep(a),
                            Native.optional(a.bias()),
                            Native.pointer(a.y()),
                            Native.at(a.y(), kernel.slabFrom, 0),
                            a.y().rowStride(),
                            Native.optional(a.acc()),
                            Native.at(a.acc(), kernel.slabFrom, 0),
                            Native.stride(a.acc()),
                            row,
                            rowEnd,
                            col,
                            colEnd,
                            a.k());
          }
          return status;
        }
      };

  private final int tier;
  private final boolean quantizes;

  // The slab in progress.
  private MemorySegment quantized;
  private long slabFrom;
  private long slabRows;
  private long blockRows;
  private long blockCols;
  private long colBlocks;

  NativeGemmTernary(Tier tier, GemmTernary.Spec spec) {
    this.tier = tier.bits();
    this.quantizes = spec.activations() == Activations.I8_ROW;
  }

  @Override
  public void run(Arguments args, WorkerPool pool) {
    long quantizedRow = QUANTIZED_HEAD + PackedTernary.rowBytes(args.k()) * 4;
    long most = quantizes ? Native.roundUp(SLAB_BYTES / quantizedRow + 1, BLOCK_ROWS) : args.m();
    for (slabFrom = 0; slabFrom < args.m(); slabFrom += most) {
      slabRows = Math.min(most, args.m() - slabFrom);
      if (quantizes) {
        quantized = pool.shared().reserve(slabRows * quantizedRow);
        long chunk = Native.rowsPerChunk(slabRows, args.k());
        pool.forRange(slabRows, chunk, this, args, QUANTIZE);
      }
      long rowBlocks = divide(args, pool.threads());
      pool.forRange(rowBlocks * colBlocks, 1, this, args, quantizes ? INTEGERS : FLOATS);
    }
  }

  /** Chooses the size of blocks, and returns how many of them are below each other. */
  private long divide(Arguments args, int threads) {
    long rowBytes = Math.max(PackedTernary.BLOCK_BYTES, PackedTernary.rowBytes(args.k()));
    // Several blocks at least, for the sake of balance.
    long streamed = Math.min(STREAMED_BYTES / slabRows, args.n() * rowBytes / LEAST_BLOCKS);
    long bytes = Math.max(SHARED_BYTES, streamed);
    blockCols = Native.roundUp(Math.max(1, bytes / rowBytes), TILE_COLS);
    colBlocks = Math.ceilDiv(args.n(), blockCols);
    long products = Math.max(1, args.k()) * Math.max(1, Math.min(args.n(), blockCols));
    long rows = Math.max(BLOCK_ROWS, BLOCK_PRODUCTS / products);
    long rowBlocks = Math.ceilDiv(slabRows, rows);
    // Fewer blocks than threads: lower ones, which still pay.
    long paying = slabRows * products / BLOCK_PRODUCTS;
    rowBlocks = Math.max(rowBlocks, Math.min(Math.ceilDiv(threads, colBlocks), paying));
    // Blocks of equal height rather than a low last one, for the sake of balance.
    blockRows = Math.ceilDiv(slabRows, rowBlocks);
    return Math.ceilDiv(slabRows, blockRows);
  }

  private static long scaleStep(Arguments a) {
    return a.scale().cols() == 1 ? 0 : 1;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * gemm_f32 in C: {@code native/src/gemm_f32}. Threads share blocks of C; each packs what a block
 * needs, so there are no more blocks than balance asks for, on one thread only one. Blocks change
 * no bit of a result.
 */
final class NativeGemmF32 implements Kernel<GemmF32.Arguments> {
  /** Columns of a block where there are several: about as many as the C code packs at a time. */
  private static final long COLS = 384;

  /** Fewest rows of a block, over which packing and reading what is packed anew weigh little. */
  private static final long ROWS = 384;

  /** Fewest rows and columns of a block where threads would have none otherwise. */
  private static final long SMALLEST = 192;

  /** Blocks that each thread should have, so that none waits long for the others. */
  private static final long BLOCKS_OF_THREAD = 4;

  /** Blocks that each thread should have even if they are small. */
  private static final long FEWEST_OF_THREAD = 2;

  /** About how many flops pay for handing a chunk to a thread. */
  private static final double CHUNK_FLOPS = 1 << 21;

  /** Blocks begin at multiples of this many rows or columns, of the heights and widths of tiles. */
  private static final long ROW_STEP = 12;

  private static final long COL_STEP = 32;

  /** Products with at most as many rows or columns read the other operand once, unpacked. */
  private static final long FEW = 8;

  /**
   * Columns of such an operand that a thread should read at a time where it is stored across the
   * sums: of shorter pieces of its rows the processor fetches less ahead.
   */
  private static final long FEW_COLS = 1152;

  private static final long FEW_STEP = 96;

  private static final LibraryCall<NativeGemmF32, GemmF32.Arguments> BLOCKS =
      new LibraryCall<>("lb_gemm_f32") {
        @Override
        int call(
            NativeGemmF32 kernel, GemmF32.Arguments args, Workspace workspace, long from, long to)
            throws Throwable {
          MemorySegment scratch = workspace.reserve(kernel.scratchBytes);
          GemmF32.Batch batch = args.batch();
          int status = LimbeckH.LB_OK();
          for (long index = from; index < to; index++) {
            long matrix = index / kernel.blocksOfMatrix;
            long block = index % kernel.blocksOfMatrix;
            long row = block % kernel.blocksDown * kernel.blocks.rows();
            long col = block / kernel.blocksDown * kernel.blocks.cols();
            status |=
                (int)
                    LimbeckH.lb_gemm_f32$handle()
                        .invokeExact(
                            kernel.tier,
                            kernel.options,
                            args.m(),
                            args.n(),
                            args.k(kernel.spec),
                            kernel.spec.alpha(),
                            Native.pointer(args.a()),
                            batch.offsetA(matrix),
                            args.a().rowStride(),
                            Native.pointer(args.b()),
                            batch.offsetB(matrix),
                            args.b().rowStride(),
                            kernel.spec.beta(),
                            Native.pointer(args.c()),
                            batch.offsetC(matrix),
                            args.c().rowStride(),
                            Native.optional(args.bias()),
                            row,
                            Math.min(args.m(), row + kernel.blocks.rows()),
                            col,
                            Math.min(args.n(), col + kernel.blocks.cols()),
                            scratch);
          }
          return status;
        }
      };

  private final int tier;
  private final int options;
  private final GemmF32.Spec spec;

  // The call in progress.
  private final BlockCut blocks = new BlockCut(ROW_STEP, COL_STEP, SMALLEST);
  private long scratchBytes;
  private long blocksDown;
  private long blocksOfMatrix;

  NativeGemmF32(Tier tier, GemmF32.Spec spec) {
    this.tier = tier.bits();
    this.spec = spec;
    this.options = options(spec);
  }

  /** Returns the options of a product with factors and results in floating point. */
  static int options(GemmF32.Spec spec) {
    int epilogue =
        switch (spec.epilogue()) {
          case NONE -> 0;
          case BIAS -> LimbeckH.LB_GEMM_BIAS();
          case BIAS_GELU -> LimbeckH.LB_GEMM_BIAS_GELU();
          case BIAS_RELU -> LimbeckH.LB_GEMM_BIAS_RELU();
        };
    return epilogue
        + (spec.transA() ? LimbeckH.LB_GEMM_TRANS_A() : 0)
        + (spec.transB() ? LimbeckH.LB_GEMM_TRANS_B() : 0);
  }

  @Override
  public void run(GemmF32.Arguments args, WorkerPool pool) {
    long m = args.m();
    long n = args.n();
    long k = args.k(spec);
    double depth = 2.0 * Math.max(1, k);
    if (m <= FEW) {
      blocks.size(m, few(n, depth * m, !spec.transB(), pool.threads()));
    } else if (n <= FEW) {
      blocks.size(few(m, depth * n, spec.transA(), pool.threads()), n);
    } else {
      choose(m, n, args.batch().count(), pool.threads());
    }
    blocksDown = blocks.down(m);
    blocksOfMatrix = blocks.count(m, n);
    scratchBytes = LimbeckH.lb_gemm_f32_scratch(tier, k);
    double blockFlops = depth * blocks.rows() * blocks.cols();
    long together = (long) Math.max(1, Math.ceil(CHUNK_FLOPS / blockFlops));
    pool.forRange(args.batch().count() * blocksOfMatrix, together, this, args, BLOCKS);
  }

  /** Chooses whole matrices, or where there are too few for several threads large blocks. */
  private void choose(long m, long n, long matrices, int threads) {
    blocks.size(m, n);
    long enough = threads == 1 ? 1 : BLOCKS_OF_THREAD * threads;
    if (matrices >= enough) {
      return;
    }
    blocks.cut(m, n, Math.ceilDiv(enough, matrices), COLS, ROWS, threads);
    long fewest = Math.ceilDiv(FEWEST_OF_THREAD * threads, matrices);
    if (blocks.count(m, n) < fewest) {
      blocks.cut(m, n, fewest, SMALLEST, SMALLEST, threads);
    }
  }

  /**
   * Returns the elements of a line of C that make a chunk.
   *
   * @param length elements of the line
   * @param flops of one element
   * @param across whether the large operand is stored across the sums
   */
  private static long few(long length, double flops, boolean across, int threads) {
    if (across && threads == 1) {
      return length;
    }
    long limit = (long) Math.ceil(CHUNK_FLOPS / flops);
    if (across) {
      limit = Math.max(limit, Math.min(FEW_COLS, length / threads));
    }
    return BlockCut.part(length, limit, FEW_STEP);
  }
}

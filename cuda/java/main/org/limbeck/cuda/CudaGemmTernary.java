// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * gemm_ternary in CUDA: {@code cuda/src/gemm_ternary}. Few rows of x read each row of W once; more
 * go in tiles, large ones where there are enough for the device.
 */
final class CudaGemmTernary {
  private static final String NAME = "gemm_ternary";
  private static final String RESULTS = "pl p pl pl lll";
  private static final KernelSignature QUANTIZE_WARP = signature("quantize_warp", "pl pp lll i");
  private static final KernelSignature QUANTIZE_BLOCK = signature("quantize_block", "pl pp lll i");
  private static final KernelSignature I8_ONE = signature("i8_one", "pp" + RESULTS + "i");
  private static final KernelSignature I8_FEW_1 = signature("i8_few_1", "ppp" + RESULTS + "i");
  private static final KernelSignature I8_FEW_4 = signature("i8_few_4", "ppp" + RESULTS + "i");
  private static final KernelSignature I8_SMALL = signature("i8_small", "ppp" + RESULTS);
  private static final KernelSignature I8_LARGE = signature("i8_large", "ppp" + RESULTS);
  private static final KernelSignature F32_ONE = signature("f32_one", "pp" + RESULTS);
  private static final KernelSignature F32_FEW_1 = signature("f32_few_1", "pl p" + RESULTS);
  private static final KernelSignature F32_FEW_4 = signature("f32_few_4", "pl p" + RESULTS);
  private static final KernelSignature F32_SMALL = signature("f32_small", "pl p" + RESULTS);
  private static final KernelSignature F32_LARGE = signature("f32_large", "pl p" + RESULTS);
  private static final KernelSignature PAD = signature("pad", "pl p lll");
  private static final KernelSignature ALIGN = signature("align", "pp l");

  private static final int BLOCK = 256;
  private static final int SMALL = 32;
  private static final int SMALL_F32_BLOCK = 64;
  private static final int LARGE = 128;
  private static final int WARP = 32;
  private static final long MAX_GRID_Y = 65_535;

  /** Rows of x that tiles would not fill. */
  private static final long FEW = 8;

  /** Rows of x, and rows of W by activations, that few rows are computed for at once. */
  private static final long FEW_X = 4;

  private static final long FEW_W_I8 = 2;
  private static final long FEW_W_F32 = 4;

  /** Rows of a fragment; the bytes that loads move; the columns that lie in a plane together. */
  private static final long SIXTEEN = 16;

  private static final int HEAD_BYTES = 8;

  /** The threads of a block that has all of a single row of x, by activations. */
  private static final int ONE_BLOCK_I8 = 512;

  private static final int ONE_BLOCK_F32 = 256;

  /** Codes: its warps on a multiprocessor, the most bytes that it keeps. */
  private static final long ONE_WARPS = 48;

  private static final long MAX_CODES = 32 << 10;

  /**
   * Floats: the rows of W at a time, its blocks on a multiprocessor, bytes an element and at most.
   */
  private static final long ONE_ROWS = 16;

  private static final long ONE_BLOCKS = 3;
  private static final long SPLIT_BYTES = 6;
  private static final int MAX_SPLIT = 96 << 10;

  static final Stem STEM =
      new Stem(
          NAME,
          CudaGemmTernary::register,
          QUANTIZE_WARP,
          QUANTIZE_BLOCK,
          I8_ONE,
          I8_FEW_1,
          I8_FEW_4,
          I8_SMALL,
          I8_LARGE,
          F32_ONE,
          F32_FEW_1,
          F32_FEW_4,
          F32_SMALL,
          F32_LARGE,
          PAD,
          ALIGN);

  private final Context context;

  /** Whether the activations are codes. */
  private final boolean integers;

  /** More large tiles than this are better than small ones. */
  private final long enough;

  private final int smallBlock;
  private final KernelFunction align;

  /** For a single row of x. */
  private final KernelFunction one;

  private final KernelFunction few1;
  private final KernelFunction few4;
  private final KernelFunction small;
  private final KernelFunction large;

  private CudaGemmTernary(Context context, boolean integers) {
    this.context = context;
    this.integers = integers;
    // A large tile takes as long as about four times its share of small ones does, as those read
    // more from the cache; as long as twice its share where multiplying is slower.
    this.enough = context.driver().multiprocessors() / (integers ? 4 : 2);
    this.smallBlock = integers ? BLOCK : SMALL_F32_BLOCK;
    this.align = context.function(ALIGN);
    this.one = context.function(integers ? I8_ONE : F32_ONE).allowShared(MAX_SPLIT);
    this.few1 = context.function(integers ? I8_FEW_1 : F32_FEW_1);
    this.few4 = context.function(integers ? I8_FEW_4 : F32_FEW_4);
    this.small = context.function(integers ? I8_SMALL : F32_SMALL);
    this.large = context.function(integers ? I8_LARGE : F32_LARGE);
  }

  private static KernelSignature signature(String variant, String parameters) {
    return new KernelSignature(NAME, "lb_gemm_ternary_" + variant + "_kernel", parameters);
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(
        GemmTernary.OP,
        spec ->
            switch (spec.activations()) {
              case F32 -> floats(context.get());
              case I8_ROW -> integers(context.get());
            });
  }

  private static long up(long count, long multiple) {
    return Math.ceilDiv(count, multiple) * multiple;
  }

  private static Kernel<GemmTernary.Arguments> integers(Context context) {
    CudaGemmTernary gemm = new CudaGemmTernary(context, true);
    KernelFunction warp = context.function(QUANTIZE_WARP);
    KernelFunction block = context.function(QUANTIZE_BLOCK);
    return (args, pool) -> {
      long m = args.m();
      if (gemm.isOne(args)) {
        gemm.withWeights(args, args.x().buffer().address() + args.x().offsetBytes(), 0);
        return;
      }
      boolean tiled = m > FEW;
      long rows = tiled ? up(m, SIXTEEN) : m;
      long heads = up(m * HEAD_BYTES, SIXTEEN);
      long bytes = heads + rows * up(args.k(), PackedTernary.BLOCK_COLS);
      long scratch = context.allocator().require(bytes, "the codes of gemm_ternary");
      try {
        KernelFunction quantize = Rows.warp(args.k()) ? warp : block;
        quantize
            .matrix(args.x())
            .address(scratch + heads)
            .address(scratch)
            .int64(m)
            .int64(rows)
            .int64(args.k())
            .int32(tiled ? 1 : 0);
        quantize.launch(quantize == warp ? Math.ceilDiv(rows, BLOCK / WARP) : rows, BLOCK);
        gemm.withWeights(args, scratch + heads, scratch);
      } finally {
        context.allocator().free(scratch, bytes);
      }
    };
  }

  private static Kernel<GemmTernary.Arguments> floats(Context context) {
    CudaGemmTernary gemm = new CudaGemmTernary(context, false);
    KernelFunction pad = context.function(PAD);
    return (args, pool) -> {
      Matrix x = args.x();
      long address = x.buffer().address() + x.offsetBytes();
      long multiple = args.m() <= FEW ? PackedTernary.BLOCK_COLS : SIXTEEN;
      boolean aligned = address % SIXTEEN == 0 && x.rowStride() % 4 == 0;
      if (args.k() == 0 || (aligned && args.k() % multiple == 0)) {
        gemm.withWeights(args, address, x.rowStride());
        return;
      }
      long padded = up(args.k(), multiple);
      long bytes = args.m() * padded * Float.BYTES;
      long scratch = context.allocator().require(bytes, "the rows of gemm_ternary");
      try {
        pad.matrix(x)
            .address(scratch)
            .int64(args.m())
            .int64(args.k())
            .int64(padded)
            .launch(Math.ceilDiv(padded, 4 * BLOCK), Math.min(args.m(), MAX_GRID_Y), BLOCK, 0);
        gemm.withWeights(args, scratch, padded);
      } finally {
        context.allocator().free(scratch, bytes);
      }
    };
  }

  /** Sees to weights on a multiple of 16 bytes. */
  private void withWeights(GemmTernary.Arguments args, long first, long second) {
    Matrix packed = args.weights().bytes();
    long address = packed.buffer().address() + packed.offsetBytes();
    long bytes = packed.elements();
    if (bytes == 0 || address % SIXTEEN == 0) {
      run(args, first, second, address);
      return;
    }
    long scratch = context.allocator().require(bytes, "the weights of gemm_ternary");
    try {
      long words = bytes / Integer.BYTES;
      align
          .address(address)
          .address(scratch)
          .int64(words)
          .launch(Math.ceilDiv(words, BLOCK), BLOCK);
      run(args, first, second, scratch);
    } finally {
      context.allocator().free(scratch, bytes);
    }
  }

  /** Queues the product of codes and their heads, or of x and its stride, with the weights. */
  private void run(GemmTernary.Arguments args, long first, long second, long weights) {
    long m = args.m();
    if (isOne(args)) {
      runOne(args, first, weights);
    } else if (m <= FEW) {
      long each = integers ? FEW_W_I8 : FEW_W_F32;
      int lanes = integers ? lanes(args.weights()) : WARP;
      KernelFunction kernel = give(m == 1 ? few1 : few4, args, first, second, weights);
      if (integers) {
        kernel.int32(lanes);
      }
      long threads = Math.ceilDiv(args.n(), each) * lanes;
      kernel.launch(Math.ceilDiv(threads, BLOCK), m == 1 ? 1 : Math.ceilDiv(m, FEW_X), BLOCK, 0);
    } else if (tiles(args, LARGE) > enough) {
      give(large, args, first, second, weights).launch(tiles(args, LARGE), BLOCK);
    } else {
      give(small, args, first, second, weights).launch(tiles(args, SMALL), smallBlock);
    }
  }

  /**
   * Returns whether a single row of x has a kernel of its own: it keeps all lanes of a warp busy,
   * and blocks hold it in shared memory, quantized or cut into parts by themselves.
   */
  private boolean isOne(GemmTernary.Arguments args) {
    long cols = up(args.k(), PackedTernary.BLOCK_COLS);
    return args.m() == 1
        && lanes(args.weights()) == WARP
        && (integers ? cols <= MAX_CODES : cols * SPLIT_BYTES <= MAX_SPLIT);
  }

  private void runOne(GemmTernary.Arguments args, long x, long weights) {
    long multiprocessors = context.driver().multiprocessors();
    long cols = up(args.k(), PackedTernary.BLOCK_COLS);
    results(one.address(x).address(weights), args).int64(args.k());
    if (integers) {
      int rows = (int) Math.max(1, Math.ceilDiv(args.n(), multiprocessors * ONE_WARPS));
      long warps = Math.ceilDiv(args.n(), rows);
      one.int32(rows).launch(Math.ceilDiv(warps, ONE_BLOCK_I8 / WARP), 1, ONE_BLOCK_I8, (int) cols);
    } else {
      long tiles = Math.ceilDiv(args.n(), ONE_ROWS);
      long blocks = Math.min(tiles, multiprocessors * ONE_BLOCKS);
      one.launch(blocks, 1, ONE_BLOCK_F32, (int) (cols * SPLIT_BYTES));
    }
  }

  private static long tiles(GemmTernary.Arguments args, int size) {
    return Math.ceilDiv(args.m(), size) * Math.ceilDiv(args.n(), size);
  }

  /** Returns 4, 8, 16 or 32: the most lanes that have 16 bytes of a row of the weights twice. */
  private static int lanes(PackedTernary weights) {
    long twice = weights.bytes().cols() / (2 * SIXTEEN);
    return (int) Math.max(4, Math.min(WARP, Long.highestOneBit(twice)));
  }

  private KernelFunction give(
      KernelFunction kernel, GemmTernary.Arguments args, long first, long second, long weights) {
    kernel.address(first);
    if (integers) {
      kernel.address(second);
    } else {
      kernel.int64(second);
    }
    return results(kernel.address(weights), args)
        .int64(integers ? args.k() : up(args.k(), SIXTEEN));
  }

  private static KernelFunction results(KernelFunction kernel, GemmTernary.Arguments args) {
    return kernel
        .pointer(args.scale())
        .int64(args.scale().cols() == 1 ? 0 : 1)
        .pointer(args.bias())
        .matrix(args.y())
        .matrix(args.acc())
        .int64(args.m())
        .int64(args.n());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;

/** gemm_f32 in CUDA: {@code cuda/src/gemm_f32}. */
final class CudaGemmF32 {
  private static final String NAME = "gemm_f32";
  private static final String PARAMETERS = "plll plll plll p llll ff i l";
  private static final int SMALL = 32;
  private static final int SMALL_BLOCK = 64;
  private static final int LARGE = 128;
  private static final int LARGE_BLOCK = 256;
  private static final long MAX_GRID_Y = 65_535;

  /** By transposition of A, then of B: the tiles of 32 x 32, then those of 128 x 128. */
  private static final KernelSignature[] KERNELS = {
    signature("nn_small"),
    signature("nt_small"),
    signature("tn_small"),
    signature("tt_small"),
    signature("nn_large"),
    signature("nt_large"),
    signature("tn_large"),
    signature("tt_large")
  };

  static final Stem STEM = new Stem(NAME, CudaGemmF32::register, KERNELS);

  private CudaGemmF32() {}

  private static KernelSignature signature(String variant) {
    return new KernelSignature(NAME, "lb_gemm_f32_" + variant + "_kernel", PARAMETERS);
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(GemmF32.OP, spec -> of(context.get(), spec));
  }

  private static Kernel<GemmF32.Arguments> of(Context context, GemmF32.Spec spec) {
    int transposed = (spec.transA() ? 2 : 0) + (spec.transB() ? 1 : 0);
    KernelFunction small = context.function(KERNELS[transposed]);
    KernelFunction large = context.function(KERNELS[4 + transposed]);
    int activation =
        switch (spec.epilogue()) {
          case NONE, BIAS -> 0;
          case BIAS_GELU -> 1;
          case BIAS_RELU -> 2;
        };
    // Fewer large tiles than would keep the device busy: small ones. The bits are the same.
    long enough = context.driver().multiprocessors();
    return (args, pool) -> {
      GemmF32.Batch batch = args.batch();
      if (tiles(args, LARGE) * batch.count() >= enough) {
        run(large, LARGE, LARGE_BLOCK, spec, activation, args);
      } else {
        run(small, SMALL, SMALL_BLOCK, spec, activation, args);
      }
    };
  }

  private static long tiles(GemmF32.Arguments args, int size) {
    return Math.ceilDiv(args.m(), size) * Math.ceilDiv(args.n(), size);
  }

  private static void run(
      KernelFunction kernel,
      int tile,
      int block,
      GemmF32.Spec spec,
      int activation,
      GemmF32.Arguments args) {
    GemmF32.Batch batch = args.batch();
    long tiles = tiles(args, tile);
    for (long first = 0; first < batch.count(); first += MAX_GRID_Y) {
      kernel
          .matrix(args.a())
          .int64(batch.outerA())
          .int64(batch.innerA())
          .matrix(args.b())
          .int64(batch.outerB())
          .int64(batch.innerB())
          .matrix(args.c())
          .int64(batch.outerC())
          .int64(batch.innerC())
          .pointer(args.bias())
          .int64(args.m())
          .int64(args.n())
          .int64(args.k(spec))
          .int64(batch.inner())
          .float32(spec.alpha())
          .float32(spec.beta())
          .int32(activation)
          .int64(first)
          .launch(tiles, Math.min(MAX_GRID_Y, batch.count() - first), block, 0);
    }
  }
}

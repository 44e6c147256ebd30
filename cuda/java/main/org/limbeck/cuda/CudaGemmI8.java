// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.op.GemmI8;
import org.limbeck.kernels.op.Kernel;

/** gemm_i8 in CUDA: {@code cuda/src/gemm_i8}. */
final class CudaGemmI8 {
  private static final String NAME = "gemm_i8";
  private static final String PARAMETERS = "pl pl pl ppp lll";
  private static final int SMALL = 64;
  private static final int LARGE = 128;
  private static final int BLOCK = 128;

  // SHARED_BYTES of the tiles.
  private static final int SMALL_SHARED = 65_536;
  private static final int LARGE_SHARED = 73_728;

  /** By transposition of B: tiles of 64 x 64, gathered ones, those of 128 x 128. */
  private static final KernelSignature[] KERNELS = {
    signature("n_small"),
    signature("t_small"),
    signature("n_gathered"),
    signature("t_gathered"),
    signature("n_large"),
    signature("t_large")
  };

  static final Stem STEM = new Stem(NAME, CudaGemmI8::register, KERNELS);

  private CudaGemmI8() {}

  private static KernelSignature signature(String variant) {
    return new KernelSignature(NAME, "lb_gemm_i8_" + variant + "_kernel", PARAMETERS);
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(GemmI8.OP, spec -> of(context.get(), spec));
  }

  private static Kernel<GemmI8.Arguments> of(Context context, GemmI8.Spec spec) {
    int transposed = spec.transB() ? 1 : 0;
    KernelFunction small = context.function(KERNELS[transposed]).allowShared(SMALL_SHARED);
    KernelFunction gathered = context.function(KERNELS[2 + transposed]).allowShared(SMALL_SHARED);
    KernelFunction large = context.function(KERNELS[4 + transposed]).allowShared(LARGE_SHARED);
    // Fewer large tiles than would keep the device busy: small ones. The bits are the same.
    long enough = context.driver().multiprocessors();
    return (args, pool) -> {
      if (!Products.chunked(args.a(), 0) || !Products.chunked(args.b(), 0)) {
        run(gathered, SMALL, SMALL_SHARED, args);
      } else if (Products.tiles(args.c(), LARGE) >= enough) {
        run(large, LARGE, LARGE_SHARED, args);
      } else {
        run(small, SMALL, SMALL_SHARED, args);
      }
    };
  }

  private static void run(KernelFunction kernel, int tile, int shared, GemmI8.Arguments args) {
    kernel
        .matrix(args.a())
        .matrix(args.b())
        .matrix(args.c())
        .pointer(args.rowScale())
        .pointer(args.colScale())
        .pointer(args.bias())
        .int64(args.m())
        .int64(args.n())
        .int64(args.k())
        .launch(Products.tiles(args.c(), tile), 1, BLOCK, shared);
  }
}

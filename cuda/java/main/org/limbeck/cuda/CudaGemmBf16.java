// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;

/** gemm_bf16 in CUDA: {@code cuda/src/gemm_bf16}. */
final class CudaGemmBf16 {
  private static final String NAME = "gemm_bf16";
  private static final int SMALL = 64;
  private static final int LARGE = 128;
  private static final int BLOCK = 128;

  // SHARED_BYTES of the tiles.
  private static final int SMALL_SHARED = 65_536;
  private static final int LARGE_SHARED = 73_728;

  /**
   * By transposition of A, then of B: tiles of 64 x 64, gathered ones, those of 128 x 128, wide.
   */
  private static final KernelSignature[] KERNELS = {
    signature("nn_small"),
    signature("nt_small"),
    signature("tn_small"),
    signature("tt_small"),
    signature("nn_gathered"),
    signature("nt_gathered"),
    signature("tn_gathered"),
    signature("tt_gathered"),
    signature("nn_large"),
    signature("nt_large"),
    signature("tn_large"),
    signature("tt_large"),
    wide("nn"),
    wide("nt"),
    wide("tn"),
    wide("tt")
  };

  static final Stem STEM = new Stem(NAME, CudaGemmBf16::register, KERNELS);

  private CudaGemmBf16() {}

  private static KernelSignature signature(String variant) {
    return new KernelSignature(NAME, "lb_gemm_bf16_" + variant + "_kernel", Products.BATCHED);
  }

  private static KernelSignature wide(String variant) {
    return new KernelSignature(
        NAME, "lb_gemm_bf16_" + variant + "_wide_kernel", WideGemmBf16.PARAMETERS);
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(GemmBf16.OP, spec -> of(context.get(), spec));
  }

  private static Kernel<GemmF32.Arguments> of(Context context, GemmF32.Spec spec) {
    int transposed = (spec.transA() ? 2 : 0) + (spec.transB() ? 1 : 0);
    KernelFunction small = context.function(KERNELS[transposed]).allowShared(SMALL_SHARED);
    KernelFunction gathered = context.function(KERNELS[4 + transposed]).allowShared(SMALL_SHARED);
    KernelFunction large = context.function(KERNELS[8 + transposed]).allowShared(LARGE_SHARED);
    WideGemmBf16 wide =
        context.driver().warpGroups()
            ? new WideGemmBf16(context, KERNELS[12 + transposed], spec)
            : null;
    // Fewer large tiles than would keep the device busy: small ones. The bits are the same.
    long enough = context.driver().multiprocessors();
    return (args, pool) -> {
      boolean chunked = Products.chunked(args);
      if (wide != null && wide.suits(args)) {
        if (chunked) {
          wide.launch(args);
        } else {
          // As each matrix alone, for the same bits.
          for (long i = 0; i < args.batch().count(); i++) {
            if (WideGemmBf16.chunked(args, i)) {
              wide.launch(args, i);
            } else {
              Products.launch(gathered, SMALL, BLOCK, SMALL_SHARED, spec, args, i, i + 1);
            }
          }
        }
      } else if (!chunked) {
        Products.launch(gathered, SMALL, BLOCK, SMALL_SHARED, spec, args);
      } else if (Products.tiles(args.c(), LARGE) * args.batch().count() >= enough) {
        Products.launch(large, LARGE, BLOCK, LARGE_SHARED, spec, args);
      } else {
        Products.launch(small, SMALL, BLOCK, SMALL_SHARED, spec, args);
      }
    };
  }
}

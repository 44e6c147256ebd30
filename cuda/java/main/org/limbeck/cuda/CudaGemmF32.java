// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;

/** gemm_f32 in CUDA: {@code cuda/src/gemm_f32}. */
final class CudaGemmF32 {
  private static final String NAME = "gemm_f32";
  private static final int SMALL = 32;
  private static final int SMALL_BLOCK = 64;
  private static final int LARGE = 128;
  private static final int LARGE_BLOCK = 256;

  /** By transposition of A, then of B: the tiles of 32 x 32, then those of 128 x 128. */
  private static final KernelSignature[] PLAIN = {
    signature("nn_small"),
    signature("nt_small"),
    signature("tn_small"),
    signature("tt_small"),
    signature("nn_large"),
    signature("nt_large"),
    signature("tn_large"),
    signature("tt_large")
  };

  private static final KernelSignature[] TF32 = TiledProducts.signatures(NAME, "_tf32");

  /** Of factors that both lie along k, as wgmma takes them. */
  private static final KernelSignature WIDE =
      new KernelSignature(NAME, "lb_gemm_f32_nt_tf32_wide_kernel", WideProducts.PARAMETERS);

  static final Stem STEM =
      new Stem(
          NAME,
          CudaGemmF32::register,
          Stem.joined(PLAIN, Stem.joined(TF32, new KernelSignature[] {WIDE})));

  private CudaGemmF32() {}

  private static KernelSignature signature(String variant) {
    return new KernelSignature(NAME, "lb_gemm_f32_" + variant + "_kernel", Products.BATCHED);
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(GemmF32.OP, spec -> of(context.get(), spec));
  }

  private static Kernel<GemmF32.Arguments> of(Context context, GemmF32.Spec spec) {
    return switch (spec.precision()) {
      case F32 -> plain(context, spec);
      case TF32 -> {
        KernelSignature wide = !spec.transA() && spec.transB() ? WIDE : null;
        yield TiledProducts.kernel(context, TF32, wide, spec, DType.F32);
      }
    };
  }

  private static Kernel<GemmF32.Arguments> plain(Context context, GemmF32.Spec spec) {
    KernelFunction small = context.function(PLAIN[Products.transposed(spec)]);
    KernelFunction large = context.function(PLAIN[4 + Products.transposed(spec)]);
    // Fewer large tiles than would keep the device busy: small ones. The bits are the same.
    long enough = context.driver().multiprocessors();
    return (args, pool) -> {
      if (Products.tiles(args.c(), LARGE) * args.batch().count() >= enough) {
        Products.launch(large, LARGE, LARGE_BLOCK, 0, spec, args);
      } else {
        Products.launch(small, SMALL, SMALL_BLOCK, 0, spec, args);
      }
    };
  }
}

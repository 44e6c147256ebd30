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

  private static final KernelSignature TRANSPOSE = TransposingProducts.signature(NAME);

  private static final KernelSignature ADD_SLICES = Slices.signature(NAME);

  static final Stem STEM =
      new Stem(
          NAME,
          CudaGemmF32::register,
          Stem.joined(
              PLAIN, Stem.joined(TF32, new KernelSignature[] {WIDE, TRANSPOSE, ADD_SLICES})));

  private CudaGemmF32() {}

  private static KernelSignature signature(String variant) {
    return new KernelSignature(NAME, "lb_gemm_f32_" + variant + "_kernel", Products.BATCHED);
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(GemmF32.OP, spec -> of(context.get(), spec));
  }

  private static Kernel<GemmF32.Arguments> of(Context context, GemmF32.Spec spec) {
    Slices.Product product =
        switch (spec.precision()) {
          case F32 -> plain(context, spec);
          case TF32 -> tf32(context, spec);
        };
    return Slices.kernel(context, ADD_SLICES, spec, product);
  }

  private static Slices.Product tf32(Context context, GemmF32.Spec spec) {
    if (!spec.transA() && spec.transB()) {
      return TiledProducts.product(context, TF32, WIDE, spec, DType.F32);
    }
    Slices.Product tiled = TiledProducts.product(context, TF32, null, spec, DType.F32);
    return TransposingProducts.product(context, TRANSPOSE, WIDE, spec, tiled);
  }

  private static Slices.Product plain(Context context, GemmF32.Spec spec) {
    int transposed = Products.transposed(spec);
    Products.Tiled small =
        new Products.Tiled(context.function(PLAIN[transposed]), SMALL, SMALL_BLOCK, 0);
    Products.Tiled large =
        new Products.Tiled(context.function(PLAIN[4 + transposed]), LARGE, LARGE_BLOCK, 0);
    // Fewer large tiles than would keep the device busy: small ones. The bits are the same.
    long enough = context.driver().multiprocessors();
    return (args, from, to, terms, sums) -> {
      long tiles = Products.tiles(args.c(), LARGE) * Slices.count(args.k(spec), terms);
      Products.Tiled kernel = tiles * (to - from) >= enough ? large : small;
      kernel.launch(spec, args, from, to, terms, sums);
    };
  }
}

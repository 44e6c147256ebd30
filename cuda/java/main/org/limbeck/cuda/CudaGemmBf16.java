// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;

/** gemm_bf16 in CUDA: {@code cuda/src/gemm_bf16}. */
final class CudaGemmBf16 {
  private static final String NAME = "gemm_bf16";
  private static final KernelSignature[] TILED = TiledProducts.signatures(NAME, "");

  /** By transposition of A, then of B. */
  private static final KernelSignature[] WIDE = {wide("nn"), wide("nt"), wide("tn"), wide("tt")};

  private static final KernelSignature ADD_SLICES = Slices.signature(NAME);

  static final Stem STEM =
      new Stem(
          NAME,
          CudaGemmBf16::register,
          Stem.joined(TILED, Stem.joined(WIDE, new KernelSignature[] {ADD_SLICES})));

  private CudaGemmBf16() {}

  private static KernelSignature wide(String variant) {
    return new KernelSignature(
        NAME, "lb_gemm_bf16_" + variant + "_wide_kernel", WideProducts.PARAMETERS);
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(GemmBf16.OP, spec -> of(context.get(), spec));
  }

  private static Kernel<GemmF32.Arguments> of(Context context, GemmF32.Spec spec) {
    KernelSignature wide = WIDE[Products.transposed(spec)];
    Slices.Product product = TiledProducts.product(context, TILED, wide, spec, DType.BF16);
    return Slices.kernel(context, ADD_SLICES, spec, product);
  }
}

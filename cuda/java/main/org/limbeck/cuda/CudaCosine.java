// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.op.Cosine;

/** cosine in CUDA: {@code cuda/src/cosine}. */
final class CudaCosine {
  private static final String NAME = "cosine";
  private static final RowLossKernel.Kernels KERNELS = RowLossKernel.Kernels.of(NAME, "i");

  static final Stem STEM =
      new Stem(NAME, CudaCosine::register, KERNELS.warp(), KERNELS.block(), KERNELS.total());

  private CudaCosine() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(
        Cosine.OP,
        spec -> {
          int mode = mode(spec.mode());
          return new RowLossKernel(
              context.get(), KERNELS, spec.normaliser(), kernel -> kernel.int32(mode));
        });
  }

  /** Returns the number that the kernels have for a mode. */
  private static int mode(Cosine.Mode mode) {
    return switch (mode) {
      case ONE_MINUS_COS -> 0;
      case ONE_MINUS_COS_SQUARED -> 1;
      case NORMALISED_MSE -> 2;
    };
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.op.Mse;

/** mse in CUDA: {@code cuda/src/mse}. */
final class CudaMse {
  private static final String NAME = "mse";
  private static final RowLossKernel.Kernels KERNELS = RowLossKernel.Kernels.of(NAME, "f");

  static final Stem STEM =
      new Stem(NAME, CudaMse::register, KERNELS.warp(), KERNELS.block(), KERNELS.total());

  private CudaMse() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(
        Mse.OP,
        spec ->
            new RowLossKernel(
                context.get(), KERNELS, spec.normaliser(), kernel -> kernel.float32(spec.floor())));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.PetWarmup;

/** pet_warmup in CUDA: {@code cuda/src/pet_warmup}. */
final class CudaPetWarmup {
  private static final String NAME = "pet_warmup";
  private static final String PARAMETERS = "pl pp pl ppdp ll i d";
  private static final KernelSignature WARP =
      new KernelSignature(NAME, "lb_pet_warmup_warp_kernel", PARAMETERS);
  private static final KernelSignature BLOCK =
      new KernelSignature(NAME, "lb_pet_warmup_block_kernel", PARAMETERS);
  private static final KernelSignature TOTAL = Totals.signature(NAME);

  /** The groups of four logits that a block loads at a time, and the most that it keeps. */
  private static final int BATCH = 2 * Rows.ROW_BLOCK;

  private static final int MAX_KEPT = 5 * BATCH;
  private static final int GROUP = 4;
  private static final int GROUP_BYTES = GROUP * Float.BYTES;

  static final Stem STEM = new Stem(NAME, CudaPetWarmup::register, WARP, BLOCK, TOTAL);

  private CudaPetWarmup() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(PetWarmup.OP, spec -> kernel(context.get(), spec));
  }

  private static Kernel<PetWarmup.Arguments> kernel(Context context, PetWarmup.Spec spec) {
    KernelFunction warp = context.function(WARP);
    KernelFunction block = context.function(BLOCK).allowShared(MAX_KEPT * GROUP_BYTES);
    RowLosses losses = new RowLosses(context, TOTAL, spec.normaliser());
    return (a, pool) -> {
      Matrix z = a.student();
      boolean warps = Rows.warp(z.cols());
      KernelFunction kernel = warps ? warp : block;
      int kept = warps ? 0 : kept(z.cols());
      try {
        losses.begin(z.rows(), a.rowWeight(), a.rowLoss(), a.loss());
        kernel.matrix(z).pointer(a.gold()).pointer(a.label()).matrix(a.gradStudent());
        losses.give(kernel).int64(z.rows()).int64(z.cols());
        kernel.int32(kept).float64(spec.labelSmoothing());
        if (warps) {
          Rows.launch(kernel, z.rows(), z.cols());
        } else {
          kernel.launch(z.rows(), 1, Rows.ROW_BLOCK, kept * GROUP_BYTES);
        }
        losses.sumUp();
      } finally {
        losses.end();
      }
    };
  }

  /** Returns how many groups of a row stay in shared memory: whole batches. */
  private static int kept(long cols) {
    return (int) Math.min(MAX_KEPT, Math.ceilDiv(cols, (long) GROUP * BATCH) * BATCH);
  }
}

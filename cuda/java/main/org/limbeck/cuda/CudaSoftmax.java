// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Softmax;

/** softmax in CUDA: {@code cuda/src/softmax}. */
final class CudaSoftmax {
  private static final String NAME = "softmax";
  private static final String FORWARD = "pl pl ll";
  private static final String BACKWARD = "pl pl pl ll";
  private static final KernelSignature FORWARD_WARP =
      new KernelSignature(NAME, "lb_softmax_forward_warp_kernel", FORWARD);
  private static final KernelSignature FORWARD_BLOCK =
      new KernelSignature(NAME, "lb_softmax_forward_block_kernel", FORWARD);
  private static final KernelSignature FORWARD_WIDE =
      new KernelSignature(NAME, "lb_softmax_forward_wide_kernel", FORWARD);
  private static final KernelSignature BACKWARD_WARP =
      new KernelSignature(NAME, "lb_softmax_backward_warp_kernel", BACKWARD);
  private static final KernelSignature BACKWARD_BLOCK =
      new KernelSignature(NAME, "lb_softmax_backward_block_kernel", BACKWARD);

  /** The threads of a wide block, and the columns that blocks hold for each of their threads. */
  private static final int WIDE_BLOCK = 1024;

  private static final long HELD = 32;

  static final Stem STEM =
      new Stem(
          NAME,
          CudaSoftmax::register,
          FORWARD_WARP,
          FORWARD_BLOCK,
          FORWARD_WIDE,
          BACKWARD_WARP,
          BACKWARD_BLOCK);

  private CudaSoftmax() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(Softmax.FORWARD, spec -> forward(context.get()));
    table.add(Softmax.BACKWARD, spec -> backward(context.get()));
  }

  private static Kernel<Softmax.Forward> forward(Context context) {
    KernelFunction warp = context.function(FORWARD_WARP);
    KernelFunction block = context.function(FORWARD_BLOCK);
    KernelFunction wide = context.function(FORWARD_WIDE);
    return (a, pool) -> {
      Matrix x = a.x();
      long cols = x.cols();
      boolean fills = cols > HELD * Rows.ROW_BLOCK && cols <= HELD * WIDE_BLOCK;
      KernelFunction kernel = Rows.warp(cols) ? warp : fills ? wide : block;
      kernel.matrix(x).matrix(a.y()).int64(x.rows()).int64(cols);
      if (fills) {
        kernel.launch(x.rows(), WIDE_BLOCK);
      } else {
        Rows.launch(kernel, x.rows(), cols);
      }
    };
  }

  private static Kernel<Softmax.Backward> backward(Context context) {
    KernelFunction warp = context.function(BACKWARD_WARP);
    KernelFunction block = context.function(BACKWARD_BLOCK);
    return (a, pool) -> {
      Matrix y = a.y();
      KernelFunction kernel = Rows.warp(y.cols()) ? warp : block;
      kernel.matrix(y).matrix(a.gradY()).matrix(a.gradX()).int64(y.rows()).int64(y.cols());
      Rows.launch(kernel, y.rows(), y.cols());
    };
  }
}

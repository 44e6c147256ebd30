// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Tanh;

/** tanh in CUDA: {@code cuda/src/tanh}. */
final class CudaTanh {
  private static final String NAME = "tanh";
  private static final KernelSignature FORWARD =
      new KernelSignature(NAME, "lb_tanh_forward_kernel", ElementwiseKernels.UNARY);
  private static final KernelSignature BACKWARD =
      new KernelSignature(NAME, "lb_tanh_backward_kernel", ElementwiseKernels.BINARY);

  static final Stem STEM = new Stem(NAME, CudaTanh::register, FORWARD, BACKWARD);

  private CudaTanh() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(Tanh.FORWARD, spec -> forward(context.get()));
    table.add(Tanh.BACKWARD, spec -> backward(context.get()));
  }

  private static Kernel<Elementwise.Forward> forward(Context context) {
    KernelFunction kernel = context.function(FORWARD);
    return (a, pool) -> ElementwiseKernels.unary(kernel, a.x(), a.y());
  }

  private static Kernel<Tanh.Backward> backward(Context context) {
    KernelFunction kernel = context.function(BACKWARD);
    return (a, pool) -> ElementwiseKernels.binary(kernel, a.y(), a.gradY(), a.gradX());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Relu;

/** relu in CUDA: {@code cuda/src/relu}. */
final class CudaRelu {
  private static final String NAME = "relu";
  private static final KernelSignature FORWARD =
      new KernelSignature(NAME, "lb_relu_forward_kernel", ElementwiseKernels.UNARY);
  private static final KernelSignature BACKWARD =
      new KernelSignature(NAME, "lb_relu_backward_kernel", ElementwiseKernels.BINARY);

  static final Stem STEM = new Stem(NAME, CudaRelu::register, FORWARD, BACKWARD);

  private CudaRelu() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(Relu.FORWARD, spec -> forward(context.get()));
    table.add(Relu.BACKWARD, spec -> backward(context.get()));
  }

  private static Kernel<Elementwise.Forward> forward(Context context) {
    KernelFunction kernel = context.function(FORWARD);
    return (a, pool) -> ElementwiseKernels.unary(kernel, a.x(), a.y());
  }

  private static Kernel<Elementwise.Backward> backward(Context context) {
    KernelFunction kernel = context.function(BACKWARD);
    return (a, pool) -> ElementwiseKernels.binary(kernel, a.x(), a.gradY(), a.gradX());
  }
}

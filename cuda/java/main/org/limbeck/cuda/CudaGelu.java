// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.Kernel;

/** gelu in CUDA: {@code cuda/src/gelu}. */
final class CudaGelu {
  private static final String NAME = "gelu";
  private static final KernelSignature FORWARD_ERF =
      new KernelSignature(NAME, "lb_gelu_forward_erf_kernel", ElementwiseKernels.UNARY);
  private static final KernelSignature FORWARD_TANH =
      new KernelSignature(NAME, "lb_gelu_forward_tanh_kernel", ElementwiseKernels.UNARY);
  private static final KernelSignature BACKWARD_ERF =
      new KernelSignature(NAME, "lb_gelu_backward_erf_kernel", ElementwiseKernels.BINARY);
  private static final KernelSignature BACKWARD_TANH =
      new KernelSignature(NAME, "lb_gelu_backward_tanh_kernel", ElementwiseKernels.BINARY);

  static final Stem STEM =
      new Stem(NAME, CudaGelu::register, FORWARD_ERF, FORWARD_TANH, BACKWARD_ERF, BACKWARD_TANH);

  private CudaGelu() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(Gelu.FORWARD, spec -> forward(context.get(), spec));
    table.add(Gelu.BACKWARD, spec -> backward(context.get(), spec));
  }

  private static Kernel<Elementwise.Forward> forward(Context context, Gelu.Spec spec) {
    KernelFunction kernel =
        context.function(
            switch (spec.form()) {
              case ERF -> FORWARD_ERF;
              case TANH -> FORWARD_TANH;
            });
    return (a, pool) -> ElementwiseKernels.unary(kernel, a.x(), a.y());
  }

  private static Kernel<Elementwise.Backward> backward(Context context, Gelu.Spec spec) {
    KernelFunction kernel =
        context.function(
            switch (spec.form()) {
              case ERF -> BACKWARD_ERF;
              case TANH -> BACKWARD_TANH;
            });
    return (a, pool) -> ElementwiseKernels.binary(kernel, a.x(), a.gradY(), a.gradX());
  }
}

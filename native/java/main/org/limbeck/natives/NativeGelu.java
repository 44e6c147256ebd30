// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.natives.bindings.LimbeckH;

/** gelu in C: {@code native/src/gelu}. */
final class NativeGelu {
  private NativeGelu() {}

  static Kernel<Elementwise.Forward> forward(Tier tier, Gelu.Spec spec) {
    int form = form(spec);
    return new UnaryRows<>(
        "lb_gelu_forward",
        tier,
        (bits, x, xStride, y, yStride, from, to, cols) ->
            LimbeckH.lb_gelu_forward(bits, form, x, xStride, y, yStride, from, to, cols),
        Elementwise.Forward::x,
        Elementwise.Forward::y);
  }

  static Kernel<Elementwise.Backward> backward(Tier tier, Gelu.Spec spec) {
    int form = form(spec);
    return new BinaryRows<>(
        "lb_gelu_backward",
        tier,
        (bits, x, xStride, gy, gyStride, gx, gxStride, from, to, cols) ->
            LimbeckH.lb_gelu_backward(
                bits, form, x, xStride, gy, gyStride, gx, gxStride, from, to, cols),
        Elementwise.Backward::x,
        Elementwise.Backward::gradY,
        Elementwise.Backward::gradX);
  }

  private static int form(Gelu.Spec spec) {
    return switch (spec.form()) {
      case ERF -> LimbeckH.LB_GELU_ERF();
      case TANH -> LimbeckH.LB_GELU_TANH();
    };
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Tanh;
import org.limbeck.natives.bindings.LimbeckH;

/** tanh in C: {@code native/src/tanh}. */
final class NativeTanh {
  private NativeTanh() {}

  static Kernel<Elementwise.Forward> forward(Tier tier) {
    return new UnaryRows<>(
        "lb_tanh_forward",
        tier,
        LimbeckH::lb_tanh_forward,
        Elementwise.Forward::x,
        Elementwise.Forward::y);
  }

  static Kernel<Tanh.Backward> backward(Tier tier) {
    return new BinaryRows<>(
        "lb_tanh_backward",
        tier,
        LimbeckH::lb_tanh_backward,
        Tanh.Backward::y,
        Tanh.Backward::gradY,
        Tanh.Backward::gradX);
  }
}

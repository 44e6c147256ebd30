// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.natives.bindings.LimbeckH;

/** relu in C: {@code native/src/relu}. */
final class NativeRelu {
  private NativeRelu() {}

  static Kernel<Elementwise.Forward> forward(Tier tier) {
    return new UnaryRows<>(
        "lb_relu_forward",
        tier,
        LimbeckH::lb_relu_forward,
        Elementwise.Forward::x,
        Elementwise.Forward::y);
  }

  static Kernel<Elementwise.Backward> backward(Tier tier) {
    return new BinaryRows<>(
        "lb_relu_backward",
        tier,
        LimbeckH::lb_relu_backward,
        Elementwise.Backward::x,
        Elementwise.Backward::gradY,
        Elementwise.Backward::gradX);
  }
}

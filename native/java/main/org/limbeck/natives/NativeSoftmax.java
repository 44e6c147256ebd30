// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.natives.bindings.LimbeckH;

/** softmax in C: {@code native/src/softmax}. */
final class NativeSoftmax {
  private NativeSoftmax() {}

  static Kernel<Softmax.Forward> forward(Tier tier) {
    return new UnaryRows<>(
        "lb_softmax_forward",
        tier,
        LimbeckH::lb_softmax_forward,
        Softmax.Forward::x,
        Softmax.Forward::y);
  }

  static Kernel<Softmax.Backward> backward(Tier tier) {
    return new BinaryRows<>(
        "lb_softmax_backward",
        tier,
        LimbeckH::lb_softmax_backward,
        Softmax.Backward::y,
        Softmax.Backward::gradY,
        Softmax.Backward::gradX);
  }
}

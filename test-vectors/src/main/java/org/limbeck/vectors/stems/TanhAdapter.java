// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.op.Tanh;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/** tanh: inputs x, grad_y; expects y, grad_x. The backward operation is given the y computed. */
final class TanhAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    ElementwiseCalls.run(
        call,
        Tanh.FORWARD,
        Tanh.BACKWARD,
        (x, y, gradY, gradX) -> new Tanh.Backward(y, gradY, gradX),
        new Tanh.Spec());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.op.Relu;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/** relu: inputs x, grad_y; expects y, grad_x. */
final class ReluAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    ElementwiseCalls.run(call, Relu.FORWARD, Relu.BACKWARD, new Relu.Spec());
  }
}

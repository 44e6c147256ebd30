// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.op.Gelu;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * gelu: parameter approximate (none, tanh), and eps without effect, which the schema names for
 * layer_norm, gelu and softmax together; inputs x, grad_y; expects y, grad_x.
 */
final class GeluAdapter implements StemAdapter {
  /** The names of the forms in vector files. */
  private enum Approximate {
    NONE,
    TANH
  }

  @Override
  public void run(CaseCall call) {
    Approximate approximate = call.choice("approximate", Approximate.class, Approximate.NONE);
    call.number("eps", 0);
    Gelu.Form form = approximate == Approximate.NONE ? Gelu.Form.ERF : Gelu.Form.TANH;
    ElementwiseCalls.run(call, Gelu.FORWARD, Gelu.BACKWARD, new Gelu.Spec(form));
  }
}

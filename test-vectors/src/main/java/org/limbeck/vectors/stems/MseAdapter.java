// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.op.Mse;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * mse: parameters mode (mse, the only one), normaliser, floor (none); see {@link RowLossCall} for
 * the tensors.
 */
final class MseAdapter implements StemAdapter {
  private enum Mode {
    MSE
  }

  @Override
  public void run(CaseCall call) {
    call.choice("mode", Mode.class, Mode.MSE);
    float floor = (float) call.number("floor", Float.NEGATIVE_INFINITY);
    call.run(Mse.OP, new Mse.Spec(call.normaliser(), floor), RowLossCall.arguments(call));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.op.Cosine;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/** cosine: parameters mode, normaliser; see {@link RowLossCall} for the tensors. */
final class CosineAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    Cosine.Mode mode = call.choice("mode", Cosine.Mode.class, Cosine.Mode.ONE_MINUS_COS);
    call.run(Cosine.OP, new Cosine.Spec(mode, call.normaliser()), RowLossCall.arguments(call));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Dropout;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * dropout: parameters probability (0.1), seed, stream (0; 64-bit integers as numbers or decimal
 * strings); inputs x, residual, grad_y (both optional); expects y, grad_x.
 */
final class DropoutAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    Dropout.Spec spec = new Dropout.Spec(call.number("probability", 0.1));
    long seed = call.exactInteger("seed", 0);
    long stream = call.exactInteger("stream", 0);
    Matrix x = call.input("x", DType.F32);
    Matrix residual = call.optional("residual", DType.F32);
    Matrix y = call.output("y", DType.F32, x.rows(), x.cols());
    call.run(Dropout.FORWARD, spec, new Dropout.Forward(x, residual, y, seed, stream));
    if (call.has("grad_y")) {
      Matrix gradY = call.input("grad_y", DType.F32);
      Matrix gradX = call.output("grad_x", DType.F32, x.rows(), x.cols());
      call.run(Dropout.BACKWARD, spec, new Dropout.Backward(gradY, gradX, seed, stream));
    }
  }
}

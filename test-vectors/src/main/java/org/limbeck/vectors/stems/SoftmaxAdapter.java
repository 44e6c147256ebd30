// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * softmax: parameter eps without effect, which the schema names for layer_norm, gelu and softmax
 * together; inputs x, grad_y; expects y, grad_x.
 */
final class SoftmaxAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    call.number("eps", 0);
    Matrix x = call.input("x", DType.F32);
    Matrix y = call.output("y", DType.F32, x.rows(), x.cols());
    Softmax.Spec spec = new Softmax.Spec();
    call.run(Softmax.FORWARD, spec, new Softmax.Forward(x, y));
    if (call.has("grad_y")) {
      Matrix gradY = call.input("grad_y", DType.F32);
      Matrix gradX = call.output("grad_x", DType.F32, x.rows(), x.cols());
      call.run(Softmax.BACKWARD, spec, new Softmax.Backward(y, gradY, gradX));
    }
  }
}

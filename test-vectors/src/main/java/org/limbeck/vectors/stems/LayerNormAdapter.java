// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.LayerNorm;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * layer_norm: parameter eps; inputs x, gamma, beta, grad_y (optional); expects y, mean, rstd (both
 * optional), grad_x, grad_gamma, grad_beta.
 */
final class LayerNormAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    LayerNorm.Spec spec = new LayerNorm.Spec(call.number("eps", LayerNorm.Spec.DEFAULT_EPSILON));
    Matrix x = call.input("x", DType.F32);
    Matrix gamma = call.vector("gamma", DType.F32);
    Matrix beta = call.vector("beta", DType.F32);
    Matrix y = call.output("y", DType.F32, x.rows(), x.cols());
    Matrix mean = call.output("mean", DType.F32, 1, x.rows());
    Matrix rstd = call.output("rstd", DType.F32, 1, x.rows());
    call.run(LayerNorm.FORWARD, spec, new LayerNorm.Forward(x, gamma, beta, y, mean, rstd));
    if (call.has("grad_y")) {
      Matrix gradY = call.input("grad_y", DType.F32);
      Matrix gradX = call.output("grad_x", DType.F32, x.rows(), x.cols());
      Matrix gradGamma = call.output("grad_gamma", DType.F32, 1, x.cols());
      Matrix gradBeta = call.output("grad_beta", DType.F32, 1, x.cols());
      call.run(
          LayerNorm.BACKWARD,
          spec,
          new LayerNorm.Backward(x, gamma, mean, rstd, gradY, gradX, gradGamma, gradBeta));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * adamw, Vector API. w -= l weightDecay w; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2)
 * g^2; w -= l (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).
 *
 * <p>w, g, m, v f32 [rows, cols], any row stride, 4-byte aligned; w, m, v are updated, none
 * overlaps another. NaN stays in its element. In float; corrections, decay and step size are made
 * in double once a call. Rows are split over threads. One pass, 12 flops, a root and a division an
 * element; reads 4 rows cols, writes 3 rows cols floats. Tails in scratch, padded with 0.
 */
final class VectorAdamW implements Kernel<OptimizerStep.Arguments> {
  private final AdamW.Spec spec;
  private final AdamStep step;

  VectorAdamW(AdamW.Spec spec) {
    this.spec = spec;
    this.step = new AdamStep(spec.beta1(), spec.beta2(), spec.epsilon());
  }

  @Override
  public void run(OptimizerStep.Arguments a, WorkerPool pool) {
    double firstCorrection = 1 - Math.pow(spec.beta1(), a.step());
    double secondCorrection = 1 - Math.pow(spec.beta2(), a.step());
    step.run(
        a,
        pool,
        1,
        1 - a.learningRate() * spec.weightDecay(),
        a.learningRate() / firstCorrection,
        1 / Math.sqrt(secondCorrection));
  }
}

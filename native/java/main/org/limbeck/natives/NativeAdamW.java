// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.kernels.parallel.WorkerPool;

/** adamw in C: corrections, decay and step size here, in double; the step shared. */
final class NativeAdamW implements Kernel<OptimizerStep.Arguments> {
  private final AdamW.Spec spec;
  private final NativeAdamStep step;

  NativeAdamW(Tier tier, AdamW.Spec spec) {
    this.spec = spec;
    this.step = new NativeAdamStep(tier, spec.beta1(), spec.beta2(), spec.epsilon());
  }

  @Override
  public void run(OptimizerStep.Arguments a, WorkerPool pool) {
    double firstCorrection = 1 - Math.pow(spec.beta1(), a.step());
    double secondCorrection = 1 - Math.pow(spec.beta2(), a.step());
    step.set(
        1,
        1 - a.learningRate() * spec.weightDecay(),
        a.learningRate() / firstCorrection,
        1 / Math.sqrt(secondCorrection));
    pool.forRange(
        a.parameter().rows(),
        Native.rowsPerChunk(a.parameter().cols()),
        step,
        a,
        NativeAdamStep.ROWS);
  }
}

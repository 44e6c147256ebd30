// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * The step that adamw and bert_adam share, in C: {@code native/src/adam_step}. The kernel of a stem
 * sets the numbers of a call, made in double and rounded once. Rows are split over threads.
 */
final class NativeAdamStep {
  /** The step of some rows. */
  static final LibraryCall<NativeAdamStep, OptimizerStep.Arguments> ROWS =
      new LibraryCall<>("lb_adam_step") {
        @Override
        int call(
            NativeAdamStep kernel, OptimizerStep.Arguments a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_adam_step$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.parameter()),
                      a.parameter().rowStride(),
                      Native.pointer(a.gradient()),
                      a.gradient().rowStride(),
                      Native.pointer(a.firstMoment()),
                      a.firstMoment().rowStride(),
                      Native.pointer(a.secondMoment()),
                      a.secondMoment().rowStride(),
                      from,
                      to,
                      a.parameter().cols(),
                      kernel.beta1,
                      kernel.rest1,
                      kernel.beta2,
                      kernel.rest2,
                      kernel.epsilon,
                      kernel.factor,
                      kernel.decay,
                      kernel.size,
                      kernel.root);
        }
      };

  private final int tier;
  private final float beta1;
  private final float rest1;
  private final float beta2;
  private final float rest2;
  private final float epsilon;

  // Of the call in progress.
  private float factor;
  private float decay;
  private float size;
  private float root;

  NativeAdamStep(Tier tier, double beta1, double beta2, double epsilon) {
    this.tier = tier.bits();
    this.beta1 = (float) beta1;
    this.rest1 = (float) (1 - beta1);
    this.beta2 = (float) beta2;
    this.rest2 = (float) (1 - beta2);
    this.epsilon = (float) epsilon;
  }

  /**
   * Sets the numbers of a call.
   *
   * @param gradientFactor what the gradient is multiplied by
   * @param weightDecay what the parameter is multiplied by
   * @param stepSize what the quotient of the moments is multiplied by
   * @param rootFactor what the root of the second moment is multiplied by
   */
  void set(double gradientFactor, double weightDecay, double stepSize, double rootFactor) {
    factor = (float) gradientFactor;
    decay = (float) weightDecay;
    size = (float) stepSize;
    root = (float) rootFactor;
  }
}

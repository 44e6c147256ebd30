// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * The step that adamw and bert_adam share, in C: {@code native/src/adam_step}. The kernel of a stem
 * sets the numbers of a call, made in double and rounded once. Rows are split over threads.
 */
final class NativeAdamStep {
  private static final RangeBody<NativeAdamStep, OptimizerStep.Arguments> ROWS =
      NativeAdamStep::rows;

  private final Op<?, ?> op;
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

  NativeAdamStep(Op<?, ?> op, Tier tier, double beta1, double beta2, double epsilon) {
    this.op = op;
    this.tier = tier.bits();
    this.beta1 = (float) beta1;
    this.rest1 = (float) (1 - beta1);
    this.beta2 = (float) beta2;
    this.rest2 = (float) (1 - beta2);
    this.epsilon = (float) epsilon;
  }

  /**
   * Updates the parameter and its moments.
   *
   * @param gradientFactor what the gradient is multiplied by
   * @param weightDecay what the parameter is multiplied by
   * @param stepSize what the quotient of the moments is multiplied by
   * @param rootFactor what the root of the second moment is multiplied by
   */
  void run(
      OptimizerStep.Arguments a,
      WorkerPool pool,
      double gradientFactor,
      double weightDecay,
      double stepSize,
      double rootFactor) {
    factor = (float) gradientFactor;
    decay = (float) weightDecay;
    size = (float) stepSize;
    root = (float) rootFactor;
    pool.forRange(a.parameter().rows(), Native.rowsPerChunk(a.parameter().cols()), this, a, ROWS);
  }

  private void rows(OptimizerStep.Arguments a, Workspace scratch, long from, long to) {
    try {
      int status =
          (int)
              LimbeckH.lb_adam_step$handle()
                  .invokeExact(
                      tier,
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
                      beta1,
                      rest1,
                      beta2,
                      rest2,
                      epsilon,
                      factor,
                      decay,
                      size,
                      root);
      Native.check(status, op);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

/**
 * Stem {@code adamw}: Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).
 *
 * <p>At step t with learning rate l: w -= l * weightDecay * w; m = beta1 m + (1 - beta1) g; v =
 * beta2 v + (1 - beta2) g^2; w -= l * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).
 *
 * <p><b>Accuracy.</b> Each update within 4 ulp of the larger of the update and the parameter. <b>
 * Determinism.</b> The same bits with any number of threads.
 */
public final class AdamW {
  private static final String STEM = "adamw";

  /** The operation. */
  public static final Op<Spec, OptimizerStep.Arguments> OP =
      new Op<>(STEM, "", OptimizerStep::check);

  private AdamW() {}

  /**
   * The options.
   *
   * @param beta1 the decay of the first moment, in [0, 1)
   * @param beta2 the decay of the second moment, in [0, 1)
   * @param epsilon added after the root, at least 0
   * @param weightDecay the factor of the decay, at least 0
   */
  public record Spec(double beta1, double beta2, double epsilon, double weightDecay) {
    /** The usual decays 0.9 and 0.999, epsilon 1e-8 and weight decay 0.01. */
    public static final Spec DEFAULT = new Spec(0.9, 0.999, 1e-8, 0.01);

    /** Checks each option. */
    public Spec {
      OptimizerStep.checkDecay(STEM, beta1, beta2);
      ArgumentChecks.notNegative(STEM, "epsilon", epsilon);
      ArgumentChecks.notNegative(STEM, "weightDecay", weightDecay);
    }
  }
}

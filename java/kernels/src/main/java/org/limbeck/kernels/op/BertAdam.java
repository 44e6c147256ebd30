// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

/**
 * Stem {@code bert_adam}: the optimizer of BERT's fine-tuning recipe: Adam without bias correction,
 * with decoupled weight decay, and the gradient's norm clipped for each tensor by itself.
 *
 * <p>g' = g * min(1, maxNorm / (|g| + 1e-6)), |g| over the whole tensor; m = beta1 m + (1 - beta1)
 * g'; v = beta2 v + (1 - beta2) g'^2; w -= l * (m / (sqrt(v) + epsilon) + weightDecay * w).
 *
 * <p><b>Accuracy.</b> The norm in double; each update within 4 ulp of the larger of the update and
 * the parameter. <b>Determinism.</b> The same bits with any number of threads.
 *
 * <p>Source: Kim et al., EMNLP 2022, arXiv 2211.11014, training recipe.
 */
public final class BertAdam {
  private static final String STEM = "bert_adam";

  /** The operation. */
  public static final Op<Spec, OptimizerStep.Arguments> OP =
      new Op<>(STEM, "", OptimizerStep::check);

  private BertAdam() {}

  /**
   * The options.
   *
   * @param beta1 the decay of the first moment, in [0, 1)
   * @param beta2 the decay of the second moment, in [0, 1)
   * @param epsilon added after the root, at least 0
   * @param weightDecay the factor of the decay, at least 0
   * @param maxNorm the norm above which a gradient is scaled down, above 0; infinity means none
   */
  public record Spec(
      double beta1, double beta2, double epsilon, double weightDecay, double maxNorm) {
    /** Decays 0.9 and 0.999, epsilon 1e-6, weight decay 0.01, norm 1. */
    public static final Spec DEFAULT = new Spec(0.9, 0.999, 1e-6, 0.01, 1);

    /** Checks each option. */
    public Spec {
      OptimizerStep.checkDecay(STEM, beta1, beta2);
      ArgumentChecks.notNegative(STEM, "epsilon", epsilon);
      ArgumentChecks.notNegative(STEM, "weightDecay", weightDecay);
      if (!(maxNorm > 0)) {
        throw new InvalidArgumentException(STEM, "maxNorm", maxNorm, "a number above 0");
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.Objects;

/**
 * Which losses train a translation model: L = (1 - alpha) CE + alpha T^2 KL + beta PT.
 *
 * <p>CE is the label-smoothed cross entropy of the gold tokens in fairseq's form, (1 - e - e_i) nll
 * + e_i sum over v of -log p_v with e_i = e / (V - 1). KL is that of the teacher's distribution and
 * the student's, both at temperature T. Both are means over the target tokens that are no padding.
 * PT is the mean of an encoder's and a decoder's part, each the mean squared difference of hidden
 * states divided by their norms, over matched layers, positions and columns: all three terms are
 * means, so that their proportion does not depend on the size of a batch.
 *
 * <p>Source: Jeon et al., PLOS ONE 18(7) e0288060; PT: Sun et al., arXiv 1908.09355.
 *
 * @param alpha the weight of the teacher's logits, in [0, 1]
 * @param temperature T, finite and above 0
 * @param beta the factor of the hidden states, finite and at least 0
 * @param labelSmoothing e, in [0, 1)
 * @param mapping which layers are compared
 * @param positions where they are
 */
public record TranslationLosses(
    double alpha,
    double temperature,
    double beta,
    double labelSmoothing,
    PatienceMapping mapping,
    PatiencePositions positions) {
  /** The label smoothing of the recipe. */
  public static final double LABEL_SMOOTHING = 0.1;

  /** The temperature of the recipe. */
  public static final double TEMPERATURE = 10;

  /** Checks the numbers. */
  public TranslationLosses {
    Objects.requireNonNull(mapping, "mapping");
    Objects.requireNonNull(positions, "positions");
    check("alpha", alpha, alpha >= 0 && alpha <= 1, "a number of 0 to 1");
    check(
        "temperature",
        temperature,
        temperature > 0 && Double.isFinite(temperature),
        "a finite number above 0");
    check("beta", beta, beta >= 0 && Double.isFinite(beta), "a finite number of at least 0");
    check(
        "labelSmoothing",
        labelSmoothing,
        labelSmoothing >= 0 && labelSmoothing < 1,
        "a number of at least 0 and below 1");
  }

  private static void check(String what, double value, boolean good, String expected) {
    if (!good) {
      throw new IllegalArgumentException(
          "TranslationLosses: " + what + ": given " + value + ", expected " + expected);
    }
  }

  /** Returns cross entropy alone: how teachers are trained. */
  public static TranslationLosses crossEntropy() {
    return knowledgeDistillation(0, TEMPERATURE);
  }

  /**
   * Returns cross entropy and the teacher's logits.
   *
   * @param alpha the weight of the logits
   * @param temperature their temperature
   */
  public static TranslationLosses knowledgeDistillation(double alpha, double temperature) {
    return patient(alpha, temperature, 0, PatienceMapping.SKIP);
  }

  /**
   * Returns all three terms, hidden states at all positions: the main stage of PET, and patient
   * distillation.
   *
   * @param alpha the weight of the logits; 0.1 in the recipe
   * @param temperature their temperature; 10 in the recipe
   * @param beta the factor of the hidden states; 50 in the recipe
   * @param mapping which layers are compared
   */
  public static TranslationLosses patient(
      double alpha, double temperature, double beta, PatienceMapping mapping) {
    return new TranslationLosses(
        alpha, temperature, beta, LABEL_SMOOTHING, mapping, PatiencePositions.ALL);
  }

  /** Returns whether a teacher is asked for. */
  public boolean needsTeacher() {
    return alpha > 0 || beta > 0;
  }
}

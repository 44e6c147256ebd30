// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

/**
 * The losses of one step.
 *
 * @param output the terms on the logits, a mean over the predicted tokens, factors included
 * @param patience the term on hidden states, its factor included; 0 where there is none
 * @param tokens the number of predicted tokens
 */
public record TranslationLossValues(double output, double patience, long tokens) {
  /** Returns what the step minimises. */
  public double total() {
    return output + patience;
  }
}

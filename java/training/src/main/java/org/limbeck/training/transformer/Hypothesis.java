// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.List;

/**
 * A finished translation.
 *
 * @param tokens its tokens without the end of sentence
 * @param logProbability the logarithm of its probability, the end included
 * @param score what hypotheses are ranked by: the logarithm over a power of the length
 */
public record Hypothesis(List<Integer> tokens, double logProbability, double score) {
  /** Copies the tokens. */
  public Hypothesis {
    tokens = List.copyOf(tokens);
  }
}

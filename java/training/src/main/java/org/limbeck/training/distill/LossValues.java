// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.EnumMap;
import java.util.Map;

/**
 * The losses of one step, coefficients included.
 *
 * @param terms the value of each term that is on, summed over the layers
 */
public record LossValues(Map<LossTerm, Double> terms) {
  /** Copies the terms. */
  public LossValues {
    terms = new EnumMap<>(terms);
  }

  /** Returns the sum of all terms: what the step minimises. */
  public double total() {
    return terms.values().stream().mapToDouble(Double::doubleValue).sum();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a metric says about predictions, all times 100.
 *
 * @param value the number to report
 * @param selection the number by which the best model is chosen; the paper chooses by accuracy
 *     where it reports the mean of F1 and accuracy
 * @param parts the numbers of which the value is made, by name, in a fixed order
 */
public record MetricResult(double value, double selection, Map<String, Double> parts) {
  /** Copies the parts in their order. */
  public MetricResult {
    parts = Collections.unmodifiableMap(new LinkedHashMap<>(parts));
  }
}

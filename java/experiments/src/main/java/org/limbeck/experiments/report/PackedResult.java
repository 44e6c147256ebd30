// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.util.Objects;

/**
 * What a network is when it is deployed: how good, how large, how fast.
 *
 * @param task the task
 * @param configuration the teacher, or the losses of a student that runs packed
 * @param metric the name of the metric
 * @param value the metric on the development set, in points; NaN if it was not judged
 * @param differing how many predictions differ from those of the same student as it was trained,
 *     scores by more than 0.01; -1 if nothing is compared
 * @param examples the number of predictions
 * @param diskBytes the size of its files without the vocabulary
 * @param memoryBytes the size of its parameters in memory
 * @param sentencesPerSecond the examples answered in a second; NaN if it was not judged
 */
public record PackedResult(
    String task,
    String configuration,
    String metric,
    double value,
    int differing,
    int examples,
    long diskBytes,
    long memoryBytes,
    double sentencesPerSecond) {
  /** Checks that the names are there. */
  public PackedResult {
    Objects.requireNonNull(task, "task");
    Objects.requireNonNull(configuration, "configuration");
    Objects.requireNonNull(metric, "metric");
  }
}

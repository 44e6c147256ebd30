// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.report;

import java.util.Objects;

/**
 * What came out of training one configuration on one task from one seed.
 *
 * @param task the task, such as {@code rte}
 * @param configuration the configuration, such as {@code map+output}
 * @param seed the seed
 * @param metric the name of the metric, one for each task
 * @param best the metric at the best evaluation, in points (100 is perfect); NaN if the run failed
 * @param last the metric after the last step, in points
 * @param steps the number of optimizer steps
 * @param seconds the wall time
 * @param fullBytes the size of the model's parameters in full precision
 * @param packedBytes their size with quantized weights packed; {@code fullBytes} where nothing is
 *     quantized
 */
public record RunResult(
    String task,
    String configuration,
    long seed,
    String metric,
    double best,
    double last,
    long steps,
    double seconds,
    long fullBytes,
    long packedBytes) {
  /** Checks that the names are there. */
  public RunResult {
    Objects.requireNonNull(task, "task");
    Objects.requireNonNull(configuration, "configuration");
    Objects.requireNonNull(metric, "metric");
  }

  /**
   * Returns the same run judged on another task.
   *
   * @param other the other task
   * @param otherBest the metric there at the best evaluation, in points
   * @param otherLast the metric there after the last step, in points
   */
  public RunResult onTask(String other, double otherBest, double otherLast) {
    return new RunResult(
        other,
        configuration,
        seed,
        metric,
        otherBest,
        otherLast,
        steps,
        seconds,
        fullBytes,
        packedBytes);
  }
}

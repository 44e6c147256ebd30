// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.optim;

/** The factor of the learning rate at each step. */
@FunctionalInterface
public interface Schedule {
  /**
   * Returns the factor.
   *
   * @param step the number of the step, from 0
   */
  double factor(long step);

  /** A factor of 1 throughout. */
  Schedule CONSTANT = step -> 1;

  /**
   * Rises linearly from 0, then falls linearly to 0: with x = step / total, x / warmup below the
   * warm-up and (x - 1) / (warmup - 1) after it. The first step has factor 0, as in BERT's recipe.
   *
   * @param total the number of steps, at least 1
   * @param warmup the part of them that rises, in [0, 1)
   */
  static Schedule warmupLinear(long total, double warmup) {
    if (total < 1 || !(warmup >= 0 && warmup < 1)) {
      throw new IllegalArgumentException(
          "Schedule: given "
              + total
              + " steps with warm-up "
              + warmup
              + ", expected at least 1 and a part of at least 0 and below 1");
    }
    return step -> {
      double x = (double) step / total;
      return x < warmup ? x / warmup : Math.max((x - 1) / (warmup - 1), 0);
    };
  }

  /**
   * Rises linearly from 0 to 1, then falls with the inverse square root: step / warmup below the
   * warm-up, sqrt(warmup / step) from it on, as in fairseq's recipe for translation.
   *
   * @param warmup the number of steps that rise, at least 1
   */
  static Schedule inverseSquareRoot(long warmup) {
    if (warmup < 1) {
      throw new IllegalArgumentException(
          "Schedule: given " + warmup + " steps of warm-up, expected at least 1");
    }
    return step -> step < warmup ? (double) step / warmup : Math.sqrt((double) warmup / step);
  }
}

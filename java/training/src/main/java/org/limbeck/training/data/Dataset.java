// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * The labelled splits of a task, in the order of their source.
 *
 * @param task the task
 * @param train the examples to train on
 * @param dev the examples to choose and report on; the matched ones of MNLI
 * @param devMismatched the mismatched ones of MNLI, empty in other tasks
 * @param test further labelled examples that took no part in a choice, empty where the source has
 *     none
 */
public record Dataset(
    Task task,
    List<Example> train,
    List<Example> dev,
    List<Example> devMismatched,
    List<Example> test) {
  /** Copies the lists. */
  public Dataset {
    Objects.requireNonNull(task, "task");
    train = List.copyOf(train);
    dev = List.copyOf(dev);
    devMismatched = List.copyOf(devMismatched);
    test = List.copyOf(test);
  }

  /**
   * Returns the same splits with fewer examples to train on: the first ones after a shuffle.
   *
   * <p><b>Determinism.</b> The choice depends on the seed, the number of examples and {@code count}
   * alone; a smaller subset is the beginning of a larger one of the same seed.
   *
   * @param count how many examples to keep, at least 1; all are kept, in their order, when there
   *     are no more than that
   * @param seed the seed of the shuffle
   */
  public Dataset withTrainingSubset(int count, long seed) {
    if (count < 1) {
      throw new IllegalArgumentException(
          "Dataset: count: given " + count + ", expected at least 1 example to train on");
    }
    if (count >= train.size()) {
      return this;
    }
    int[] order = Permutation.of(train.size(), seed, Permutation.SUBSET);
    List<Example> kept = Arrays.stream(order).limit(count).mapToObj(train::get).toList();
    return new Dataset(task, kept, dev, devMismatched, test);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import java.util.Objects;

/**
 * One labelled sentence or pair of sentences.
 *
 * @param textA the sentence, or the first of the pair
 * @param textB the second of the pair, null in a task on single sentences
 * @param label the class id, or the score of a regression
 */
public record Example(String textA, String textB, float label) {
  /** Checks that there is a sentence. */
  public Example {
    Objects.requireNonNull(textA, "textA");
  }
}

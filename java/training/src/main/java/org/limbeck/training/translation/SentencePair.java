// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.Objects;

/**
 * A sentence and its translation.
 *
 * @param line the line of both files that they come from, counted from 1
 * @param source the sentence to translate
 * @param target its translation
 */
public record SentencePair(int line, String source, String target) {
  /** Checks that both are there. */
  public SentencePair {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(target, "target");
  }
}

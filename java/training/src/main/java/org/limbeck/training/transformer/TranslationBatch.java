// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;

/**
 * Sentence pairs for teacher forcing.
 *
 * @param source the source sentences
 * @param target the decoder's inputs: an end of sentence, then the target but for its last token
 * @param gold the target tokens, the end of sentence included, I64 [1, B * T]; {@link
 *     SpecialTokens#PAD} behind them
 */
public record TranslationBatch(SequenceBatch source, SequenceBatch target, Matrix gold) {
  /** Checks that all parts are there. */
  public TranslationBatch {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(target, "target");
    Objects.requireNonNull(gold, "gold");
  }

  /** Returns the number of target tokens that are predicted: all but padding. */
  public long predicted() {
    return target.real();
  }
}

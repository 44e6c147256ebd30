// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.transformer.SequenceBatch;

/** At which positions the hidden states of student and teacher are compared. */
public enum PatiencePositions {
  /**
   * All but padding. No position of a translation model gathers the sentence as [CLS] does in BERT:
   * the decoder attends to every encoder position, and predicts a token at every one of its own.
   */
  ALL,
  /** The last real one of each sentence: the end of a source, the last input of a decoder. */
  LAST;

  /** Returns the weights of the positions, F32 [1, rows]. */
  Matrix weights(SequenceBatch batch) {
    return this == ALL ? batch.weights() : batch.last();
  }

  /** Returns how many there are. */
  long count(SequenceBatch batch) {
    return this == ALL ? batch.real() : batch.batch();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;

/** What decoding token by token remembers of one executed decoder layer. */
interface LayerCache {
  /** Starts with new sentences, whose encoder output the state holds. */
  void begin(DecodingState state);

  /**
   * Takes one position of each hypothesis through the layer.
   *
   * @param x F32 [hypotheses, d]
   * @param y F32 [hypotheses, d], written
   */
  void step(Matrix x, Matrix y, DecodingState state);

  /** Takes over the prefixes of other hypotheses. */
  void move(DecodingState.Move move);
}

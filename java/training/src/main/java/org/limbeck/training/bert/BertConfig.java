// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

/**
 * The sizes of a BERT encoder (Devlin et al., arXiv 1810.04805): post-layer-norm, gelu in the erf
 * form, learned positions.
 *
 * @param layers the number of encoder layers L
 * @param hidden the width D of the residual stream, a multiple of {@code heads}
 * @param heads the number of attention heads H
 * @param intermediate the width F of the feed-forward layer
 * @param vocabulary the rows of the word embedding table
 * @param positions the rows of the position table: the longest sequence
 * @param types the rows of the token type table
 * @param epsilon the epsilon of layer normalisation
 */
public record BertConfig(
    int layers,
    int hidden,
    int heads,
    int intermediate,
    int vocabulary,
    int positions,
    int types,
    double epsilon) {
  /** Checks the sizes. */
  public BertConfig {
    if (layers < 1
        || hidden < 1
        || heads < 1
        || intermediate < 1
        || vocabulary < 1
        || positions < 1
        || types < 1) {
      throw new IllegalArgumentException(
          "BertConfig: given layers "
              + layers
              + ", hidden "
              + hidden
              + ", heads "
              + heads
              + ", intermediate "
              + intermediate
              + ", vocabulary "
              + vocabulary
              + ", positions "
              + positions
              + ", types "
              + types
              + ", expected sizes of at least 1");
    }
    if (hidden % heads != 0) {
      throw new IllegalArgumentException(
          "BertConfig: hidden: given " + hidden + ", expected a multiple of heads = " + heads);
    }
    if (!(epsilon >= 0) || Double.isInfinite(epsilon)) {
      throw new IllegalArgumentException(
          "BertConfig: epsilon: given " + epsilon + ", expected a finite number of at least 0");
    }
  }

  /** Returns the width of a head. */
  public int headWidth() {
    return hidden / heads;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.Objects;
import java.util.function.IntPredicate;

/**
 * Kinds of tokens that self-attention treats differently.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 4.2; Kobayashi et al., "Attention is Not Only a
 * Weight", EMNLP 2020.
 */
public enum TokenClass {
  /** The first token of an example, whose state is classified. */
  CLS,
  /** The separator behind a sentence. */
  SEP,
  /** A comma or a period. */
  PUNCTUATION,
  /** Every token of none of the classes before. */
  OTHER,
  /** Every token. */
  ALL;

  /**
   * Returns the class of each token; {@link #ALL} is nobody's own class.
   *
   * @param ids the vocabulary indices of the real tokens, special tokens included
   * @param cls the index of [CLS], 101 in BERT's English vocabularies
   * @param sep the index of [SEP], 102 there
   * @param punctuation whether an index is a comma or a period, 1010 and 1012 there
   */
  public static TokenClass[] classify(int[] ids, int cls, int sep, IntPredicate punctuation) {
    Objects.requireNonNull(punctuation, "punctuation");
    TokenClass[] classes = new TokenClass[ids.length];
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] == cls) {
        classes[i] = CLS;
      } else if (ids[i] == sep) {
        classes[i] = SEP;
      } else {
        classes[i] = punctuation.test(ids[i]) ? PUNCTUATION : OTHER;
      }
    }
    return classes;
  }

  /** Returns whether a token of the given own class belongs to this class. */
  public boolean contains(TokenClass own) {
    return this == ALL || this == own;
  }
}

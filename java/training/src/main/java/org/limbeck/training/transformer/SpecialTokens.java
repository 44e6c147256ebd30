// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

/** The numbers of the tokens that are no words, as in fairseq's dictionaries. */
public final class SpecialTokens {
  /** The beginning of a sentence; not used by the translation task. */
  public static final int BOS = 0;

  /** Padding behind a sentence. */
  public static final int PAD = 1;

  /** The end of a sentence; also the decoder's first input. */
  public static final int EOS = 2;

  /** A word outside the vocabulary. */
  public static final int UNK = 3;

  /** The number of special tokens: words begin here. */
  public static final int COUNT = 4;

  private SpecialTokens() {}
}

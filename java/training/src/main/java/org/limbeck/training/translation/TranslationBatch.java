// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.Arrays;

/**
 * Pairs padded on the right to one length a side with {@link Dictionary#PAD}.
 *
 * @param pairs which pairs of the corpus these are, counted from 0; B of them
 * @param sourceLength the padded length S of the sentences
 * @param targetLength the padded length T of the translations
 * @param source ids of the sentences, [B * S], each ending in EOS
 * @param sourceLengths lengths without padding, [B]
 * @param targetInput what the decoder is given: EOS, then the translation without its EOS, [B * T]
 * @param targetOutput what it should predict: the translation with its EOS, [B * T]
 * @param targetLengths lengths without padding, [B], the same for input and output
 */
public record TranslationBatch(
    int[] pairs,
    int sourceLength,
    int targetLength,
    int[] source,
    int[] sourceLengths,
    int[] targetInput,
    int[] targetOutput,
    int[] targetLengths) {

  /**
   * Pads pairs.
   *
   * @param corpus the pairs
   * @param pairs which of them, at least 1
   * @return the batch
   */
  static TranslationBatch of(EncodedCorpus corpus, int[] pairs) {
    int sourceLength = 0;
    int targetLength = 0;
    for (int pair : pairs) {
      sourceLength = Math.max(sourceLength, corpus.sources().get(pair).length);
      targetLength = Math.max(targetLength, corpus.targets().get(pair).length);
    }
    int[] source = padding(pairs.length * sourceLength);
    int[] input = padding(pairs.length * targetLength);
    int[] output = padding(pairs.length * targetLength);
    int[] sourceLengths = new int[pairs.length];
    int[] targetLengths = new int[pairs.length];
    for (int i = 0; i < pairs.length; i++) {
      int[] from = corpus.sources().get(pairs[i]);
      int[] to = corpus.targets().get(pairs[i]);
      System.arraycopy(from, 0, source, i * sourceLength, from.length);
      System.arraycopy(to, 0, output, i * targetLength, to.length);
      input[i * targetLength] = Dictionary.EOS;
      System.arraycopy(to, 0, input, i * targetLength + 1, to.length - 1);
      sourceLengths[i] = from.length;
      targetLengths[i] = to.length;
    }
    return new TranslationBatch(
        pairs, sourceLength, targetLength, source, sourceLengths, input, output, targetLengths);
  }

  private static int[] padding(int size) {
    int[] ids = new int[size];
    Arrays.fill(ids, Dictionary.PAD);
    return ids;
  }

  /** Returns the number of pairs B. */
  public int size() {
    return pairs.length;
  }

  /** Returns the number of ids to predict, padding left out. */
  public int targetTokens() {
    int sum = 0;
    for (int length : targetLengths) {
      sum += length;
    }
    return sum;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.ArrayList;
import java.util.List;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.transformer.SpecialTokens;

/**
 * Sentences of random tokens. Their lengths lie between three quarters of the greatest and the
 * greatest, like those of a batch of sentences of like length.
 */
public final class RandomSentences {
  private RandomSentences() {}

  /**
   * Returns sentences, the first of the greatest length, the last token of each the end.
   *
   * @param seed the seed
   * @param count how many
   * @param longest the greatest length, at least 1
   * @param vocabulary the number of tokens, more than the special ones
   */
  public static List<int[]> of(long seed, int count, int longest, int vocabulary) {
    List<int[]> sentences = new ArrayList<>();
    int range = longest / 4 + 1;
    int words = vocabulary - SpecialTokens.COUNT;
    for (int b = 0; b < count; b++) {
      int cut = b == 0 ? 0 : Integer.remainderUnsigned(Philox.word(seed, b, 0, 1), range);
      int[] sentence = new int[longest - cut];
      for (int t = 0; t < sentence.length - 1; t++) {
        int word = Philox.word(seed, b, t, 0);
        sentence[t] = SpecialTokens.COUNT + Integer.remainderUnsigned(word, words);
      }
      sentence[sentence.length - 1] = SpecialTokens.EOS;
      sentences.add(sentence);
    }
    return sentences;
  }
}

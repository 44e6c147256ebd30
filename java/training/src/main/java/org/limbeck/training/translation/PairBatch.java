// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.Arrays;
import java.util.List;

/**
 * Pairs of a corpus that are computed together.
 *
 * @param pairs which pairs of the corpus these are, counted from 0
 * @param sources their sentences, each ending in EOS
 * @param targets their translations, each ending in EOS
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record PairBatch(int[] pairs, List<int[]> sources, List<int[]> targets) {
  static PairBatch of(EncodedCorpus corpus, int[] pairs) {
    return new PairBatch(
        pairs,
        Arrays.stream(pairs).mapToObj(corpus.sources()::get).toList(),
        Arrays.stream(pairs).mapToObj(corpus.targets()::get).toList());
  }

  /** Returns the number of pairs. */
  public int size() {
    return pairs.length;
  }

  /** Returns the number of ids to predict: the translations' subwords and their ends. */
  public int targetTokens() {
    return targets.stream().mapToInt(ids -> ids.length).sum();
  }

  /** Returns the length of the longest sentence or translation. */
  public int longest() {
    int longest = 0;
    for (int i = 0; i < pairs.length; i++) {
      longest = Math.max(longest, Math.max(sources.get(i).length, targets.get(i).length));
    }
    return longest;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.ArrayList;
import java.util.List;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.transformer.SpecialTokens;

/**
 * The pairs of a corpus in ids, each sentence ending in {@link SpecialTokens#EOS}.
 *
 * @param name the split
 * @param sources the sentences, at least 1
 * @param targets their translations
 * @param lines the line of each pair in its files, counted from 1
 * @param dropped how many pairs a {@link Limits} left out
 * @param unknown how many subwords of the sentences the dictionary lacks
 */
public record EncodedCorpus(
    String name, List<int[]> sources, List<int[]> targets, int[] lines, int dropped, long unknown) {

  /**
   * Which pairs are kept.
   *
   * @param longest the longest sentence in ids, {@link SpecialTokens#EOS} included
   * @param dropLong whether pairs with a longer one are left out; else they are an error
   * @param ratio how many times as long as the other the longer sentence of a pair may be, in ids,
   *     at least 1; infinity keeps all. Fairseq's preparation of IWSLT'14 has 1.5
   */
  public record Limits(int longest, boolean dropLong, double ratio) {
    /** Checks the numbers. */
    public Limits {
      if (longest < 2 || !(ratio >= 1)) {
        throw new IllegalArgumentException(
            "Limits: longest, ratio: given "
                + longest
                + ", "
                + ratio
                + ", expected at least 2 and 1");
      }
    }

    /**
     * Returns limits that keep all pairs and refuse long sentences.
     *
     * @param longest the longest sentence in ids
     */
    public static Limits refusing(int longest) {
      return new Limits(longest, false, Double.POSITIVE_INFINITY);
    }

    private boolean ratioFits(int a, int b) {
      return Math.max(a, b) <= ratio * Math.min(a, b);
    }
  }

  /**
   * Encodes a corpus. One that comes in words already is not cut again.
   *
   * @param corpus the pairs
   * @param vocabulary the subwords
   * @param limits which pairs are kept
   * @return the pairs that are kept
   * @throws BadInputException if a sentence is too long and not to be dropped, or none is kept; the
   *     message names file and line
   */
  public static EncodedCorpus of(
      ParallelCorpus corpus, TranslationVocabulary vocabulary, Limits limits) {
    List<int[]> sources = new ArrayList<>();
    List<int[]> targets = new ArrayList<>();
    List<Integer> lines = new ArrayList<>();
    long unknown = 0;
    boolean inWords = corpus.tokenised();
    for (SentencePair pair : corpus.pairs()) {
      SubwordEncoder.Encoding source = encode(vocabulary.source(), pair.source(), inWords);
      SubwordEncoder.Encoding target = encode(vocabulary.target(), pair.target(), inWords);
      boolean fits =
          fits(corpus.sourceName(), pair.line(), source.ids(), limits)
              & fits(corpus.targetName(), pair.line(), target.ids(), limits);
      if (fits && limits.ratioFits(source.ids().length - 1, target.ids().length - 1)) {
        sources.add(source.ids());
        targets.add(target.ids());
        lines.add(pair.line());
        for (int id : source.ids()) {
          unknown += id == SpecialTokens.UNK ? 1 : 0;
        }
      }
    }
    if (sources.isEmpty()) {
      throw new BadInputException(
          corpus.sourceName()
              + ": none of "
              + corpus.pairs().size()
              + " pairs is within "
              + limits.longest
              + " subwords and a ratio of lengths of "
              + limits.ratio
              + ": expected at least one");
    }
    return new EncodedCorpus(
        corpus.name(),
        List.copyOf(sources),
        List.copyOf(targets),
        lines.stream().mapToInt(Integer::intValue).toArray(),
        corpus.pairs().size() - sources.size(),
        unknown);
  }

  private static SubwordEncoder.Encoding encode(
      SubwordEncoder encoder, String sentence, boolean inWords) {
    return encoder.encodeWords(encoder.form().words(sentence, inWords));
  }

  private static boolean fits(String file, int line, int[] ids, Limits limits) {
    if (ids.length <= limits.longest) {
      return true;
    }
    if (limits.dropLong) {
      return false;
    }
    throw new BadInputException(
        file
            + ", line "
            + line
            + ": a sentence of "
            + ids.length
            + " subwords: expected at most "
            + limits.longest
            + ", the limit that was set");
  }

  /** Returns the number of pairs. */
  public int size() {
    return sources.size();
  }

  /** Returns the length of the longest sentence or translation in ids. */
  public int longest() {
    int longest = 0;
    for (int i = 0; i < size(); i++) {
      longest = Math.max(longest, Math.max(sources.get(i).length, targets.get(i).length));
    }
    return longest;
  }

  /** Returns the number of ids to predict: the translations' subwords and their ends. */
  public long targetTokens() {
    return targets.stream().mapToLong(ids -> ids.length).sum();
  }
}

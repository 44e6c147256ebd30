// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * BLEU of a corpus: the geometric mean of the precisions of 1- to 4-grams, times a penalty for
 * translations shorter than their references.
 *
 * <p>n-grams are counted over the whole corpus, each clipped at its largest count in one reference
 * of its sentence; the reference length is that of the closest reference, the shorter one on ties.
 *
 * <p><b>Determinism.</b> Counts are whole numbers; the result does not depend on any order.
 *
 * <p>Source: Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL
 * 2002; {@link Kind#SACREBLEU} is Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018,
 * with the defaults of sacreBLEU 2; {@link Kind#TOKENISED} is Moses' {@code multi-bleu.perl}.
 */
public final class Bleu {
  private static final int ORDER = 4;

  /** Which words are counted, and what an order without a match is worth. */
  public enum Kind {
    /** Words by the 13a tokenisation; the first order without a match counts 1/2, then 1/4... */
    SACREBLEU,
    /** Words as the text's spaces have them; an order without a match makes the score 0. */
    TOKENISED
  }

  /**
   * A score and what it is made of.
   *
   * @param score BLEU, 0 to 100
   * @param matches n-grams that occur in a reference, for n = 1 to 4
   * @param totals n-grams of the translations, for n = 1 to 4
   * @param brevityPenalty 1, or less where the translations are shorter than the references
   * @param length words of the translations
   * @param referenceLength words of the closest references
   */
  public record Score(
      double score,
      List<Long> matches,
      List<Long> totals,
      double brevityPenalty,
      long length,
      long referenceLength) {}

  private Bleu() {}

  /**
   * Scores translations against one reference each.
   *
   * @param translations the translations, at least 1
   * @param references the reference of each
   * @param kind which words are counted, and what an order without a match is worth
   * @param lowerCase whether upper and lower case are the same
   * @return the score
   * @throws IllegalArgumentException if there is not one reference a translation
   */
  public static Score of(
      List<String> translations, List<String> references, Kind kind, boolean lowerCase) {
    return ofMany(translations, List.of(references), kind, lowerCase);
  }

  /**
   * Scores translations against several references each.
   *
   * @param translations the translations, at least 1
   * @param references sets of references, at least 1, each with one reference a translation
   * @param kind which words are counted, and what an order without a match is worth
   * @param lowerCase whether upper and lower case are the same
   * @return the score
   * @throws IllegalArgumentException if there is no set, or one without a reference a translation
   */
  public static Score ofMany(
      List<String> translations, List<List<String>> references, Kind kind, boolean lowerCase) {
    if (translations.isEmpty() || references.isEmpty()) {
      throw new IllegalArgumentException(
          "Bleu: translations, references: given "
              + translations.size()
              + ", "
              + references.size()
              + " sets, expected at least 1 of both");
    }
    for (List<String> set : references) {
      if (set.size() != translations.size()) {
        throw new IllegalArgumentException(
            "Bleu: references: given "
                + set.size()
                + " for "
                + translations.size()
                + " translations, expected as many");
      }
    }
    long[] matches = new long[ORDER];
    long[] totals = new long[ORDER];
    long length = 0;
    long referenceLength = 0;
    for (int i = 0; i < translations.size(); i++) {
      List<String> words = words(translations.get(i), kind, lowerCase);
      Map<List<String>, Integer> allowed = new HashMap<>();
      int closest = -1;
      for (List<String> set : references) {
        List<String> reference = words(set.get(i), kind, lowerCase);
        ngrams(reference).forEach((ngram, count) -> allowed.merge(ngram, count, Math::max));
        int distance = Math.abs(reference.size() - words.size());
        int best = Math.abs(closest - words.size());
        if (closest < 0 || distance < best || distance == best && reference.size() < closest) {
          closest = reference.size();
        }
      }
      ngrams(words)
          .forEach(
              (ngram, count) -> {
                totals[ngram.size() - 1] += count;
                matches[ngram.size() - 1] += Math.min(count, allowed.getOrDefault(ngram, 0));
              });
      length += words.size();
      referenceLength += closest;
    }
    return ofCounts(matches, totals, length, referenceLength, kind);
  }

  /**
   * Computes the score of counted n-grams.
   *
   * @param matches n-grams that occur in a reference, for n = 1 to 4
   * @param totals all n-grams of the translations, for n = 1 to 4
   * @param length words of the translations
   * @param referenceLength words of the references
   * @param kind what an order without a match is worth
   */
  static Score ofCounts(
      long[] matches, long[] totals, long length, long referenceLength, Kind kind) {
    double penalty =
        length >= referenceLength
            ? 1
            : length == 0 ? 0 : Math.exp(1 - (double) referenceLength / length);
    double logs = 0;
    double smooth = 1;
    boolean any = false;
    for (int n = 0; n < ORDER; n++) {
      any |= matches[n] > 0;
      double precision;
      if (totals[n] == 0) {
        precision = 0;
      } else if (matches[n] == 0 && kind == Kind.SACREBLEU) {
        smooth *= 2;
        precision = 1 / (smooth * totals[n]);
      } else {
        precision = (double) matches[n] / totals[n];
      }
      logs += Math.log(precision);
    }
    double score = any ? 100 * penalty * Math.exp(logs / ORDER) : 0;
    return new Score(score, boxed(matches), boxed(totals), penalty, length, referenceLength);
  }

  private static List<Long> boxed(long[] counts) {
    return Arrays.stream(counts).boxed().toList();
  }

  private static List<String> words(String text, Kind kind, boolean lowerCase) {
    String cased = lowerCase ? text.toLowerCase(Locale.ROOT) : text;
    return kind == Kind.SACREBLEU
        ? Tokenizer13a.tokenize(cased.stripTrailing())
        : MosesTokenizer.words(cased);
  }

  private static Map<List<String>, Integer> ngrams(List<String> words) {
    Map<List<String>, Integer> counts = new HashMap<>();
    for (int n = 1; n <= ORDER; n++) {
      for (int i = 0; i + n <= words.size(); i++) {
        counts.merge(words.subList(i, i + n), 1, Integer::sum);
      }
    }
    return counts;
  }
}

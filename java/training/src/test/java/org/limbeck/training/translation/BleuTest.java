// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.training.translation.Bleu.Kind;

class BleuTest {
  private static final double EXACT = 1e-8;

  // The example of sacreBLEU's documentation and its tests, test/test_bleu.py.
  private static final List<String> TRANSLATIONS =
      List.of("The dog bit the man.", "It wasn't surprising.", "The man had just bitten him.");
  private static final List<List<String>> REFERENCES =
      List.of(
          List.of("The dog bit the man.", "It was not unexpected.", "The man bit him first."),
          List.of(
              "The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."));

  @Test
  void publishedScoresOfSacrebleu() {
    assertEquals(
        48.530827, Bleu.ofMany(TRANSLATIONS, REFERENCES, Kind.SACREBLEU, false).score(), 1e-6);
    // Published with tokenize none; each order has a match, so that smoothing plays no part.
    assertEquals(
        49.1919566, Bleu.ofMany(TRANSLATIONS, REFERENCES, Kind.TOKENISED, false).score(), 1e-6);
    assertEquals(
        0,
        Bleu.ofMany(List.of("", "", ""), REFERENCES, Kind.SACREBLEU, false).score(),
        "empty translations count");
  }

  @Test
  void publishedCountsOfSacrebleu() {
    Bleu.Score score =
        one("am I am a character sequence", "I am a symbol string sequence a a", Kind.TOKENISED);
    assertEquals(List.of(4L, 2L, 1L, 0L), score.matches());
    assertEquals(List.of(6L, 5L, 4L, 3L), score.totals());
    assertEquals(0, score.score());
    assertEquals(
        83.75922397,
        Bleu.ofCounts(new long[] {9, 7, 5, 3}, new long[] {10, 8, 6, 4}, 11, 11, Kind.TOKENISED)
            .score(),
        1e-7);
  }

  private static Bleu.Score one(String translation, String reference, Kind kind) {
    return Bleu.of(List.of(translation), List.of(reference), kind, false);
  }

  @Test
  void smoothingHalvesAgainAndAgain() {
    // Precisions 1/5, 1/(2 * 4), 1/(4 * 3), 1/(8 * 2), brevity exp(1 - 6/5).
    Bleu.Score score = one("cat x y z v", "cat a b c d e", Kind.SACREBLEU);
    double mean = Math.pow(1.0 / 5 / 8 / 12 / 16, 0.25);
    assertEquals(100 * Math.exp(-0.2) * mean, score.score(), EXACT);
    assertEquals(Math.exp(-0.2), score.brevityPenalty(), 1e-12);
    assertEquals(0, one("x y z w", "a b c d", Kind.SACREBLEU).score());
    // No 4-gram at all is worth 0 in a corpus, however good the rest.
    assertEquals(0, one("a b c", "a b c", Kind.SACREBLEU).score());
    assertEquals(100, one("a b c d", "a b c d", Kind.SACREBLEU).score(), EXACT);
    assertEquals(1, one("a b c d e", "a b c d", Kind.SACREBLEU).brevityPenalty());
  }

  @Test
  void scoresOfSacrebleuForSmallCases() {
    // Computed with sacreBLEU 2.6.0.
    assertEquals(
        19.3576934939088,
        one("the cat sat here now", "a cat sat on the mat", Kind.SACREBLEU).score(),
        EXACT);
    assertEquals(
        13.563716018129881,
        Bleu.of(
                List.of("It's 3.5%, isn't it?", "A well-known 10-year-old (boy)."),
                List.of("It is 3.5 %, is it not?", "A well known 10-year old boy."),
                Kind.SACREBLEU,
                false)
            .score(),
        EXACT);
  }

  @Test
  void theClosestReferenceCounts() {
    Bleu.Score score =
        Bleu.ofMany(
            List.of("a b c d"),
            List.of(List.of("a b c d e f"), List.of("a b"), List.of("a b c d e f g h")),
            Kind.TOKENISED,
            false);
    assertEquals(2, score.referenceLength(), "the shorter one on ties");
    assertEquals(100, score.score(), EXACT);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "It's 3.5%, isn't it?|It's 3.5 % , isn't it ?",
        "A well-known 10-year-old (boy).|A well-known 10 - year-old ( boy ) .",
        "Q&amp;A: 1,000.50 $..., „so“ 5.|Q & A : 1,000.50 $ . . . , „so“ 5 .",
        "a,b 1,b a,1 1,2 .5 5. -- x-1 1-x|a , b 1 , b a , 1 1,2 . 5 5 . -- x-1 1 - x",
      })
  void tokenisation13aOfSacrebleu(String sentence, String expected) {
    assertEquals(expected, String.join(" ", Tokenizer13a.tokenize(sentence)));
  }

  @Test
  void refusesUnequalNumbers() {
    assertThrows(
        IllegalArgumentException.class,
        () -> Bleu.of(List.of("a"), List.of("a", "b"), Kind.SACREBLEU, false));
    assertThrows(
        IllegalArgumentException.class, () -> Bleu.of(List.of(), List.of(), Kind.SACREBLEU, false));
  }

  @Test
  void scoresOfSacrebleuForARealCorpus() {
    String root = System.getProperty("limbeck.data", "");
    assumeFalse(root.isEmpty(), "no real data: set limbeck.data to a directory with mt/");
    List<String> references =
        ParallelCorpus.read(Path.of(root, "mt", "multi30k"), "test2016", "de", "en").targets();
    List<String> translations = new ArrayList<>();
    for (int i = 0; i < references.size(); i++) {
      String reference = references.get(i);
      String[] words = reference.split(" ");
      List<String> kept = new ArrayList<>();
      for (int k = 0; k < words.length; k++) {
        if ((k + reference.length()) % 7 != 0) {
          kept.add(words[k]);
        }
      }
      String text = String.join(" ", kept);
      translations.add(i % 5 == 0 ? text.toUpperCase(Locale.ROOT) : text);
    }
    // Computed with sacreBLEU 2.6.0, defaults and (tokenize none, smooth_method none).
    assertEquals(
        52.24332071487953, Bleu.of(translations, references, Kind.SACREBLEU, false).score(), EXACT);
    assertEquals(
        64.75245967756763, Bleu.of(translations, references, Kind.SACREBLEU, true).score(), EXACT);
    assertEquals(
        50.98326570192414, Bleu.of(translations, references, Kind.TOKENISED, false).score(), EXACT);
    assertEquals(
        63.55040950363356, Bleu.of(translations, references, Kind.TOKENISED, true).score(), EXACT);
  }
}

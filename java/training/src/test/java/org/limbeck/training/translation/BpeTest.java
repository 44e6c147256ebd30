// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.formats.BadInputException;

class BpeTest {
  @TempDir Path directory;

  /** The dictionary of the paper's worked example. */
  private static final Map<String, Long> WORDS =
      Map.of("low", 5L, "lower", 2L, "newest", 6L, "widest", 3L);

  private static String merges(Bpe bpe) {
    return bpe.merges().stream()
        .map(merge -> merge.left() + " " + merge.right())
        .collect(Collectors.joining(", "));
  }

  @Test
  void workedExampleOfThePaper() {
    // The paper's run merges "e s" first among pairs that occur 9 times; ties here go by code
    // points, so "s t</w>" goes first. Both reach the same symbols after two merges.
    assertEquals(
        "s t</w>, e st</w>, l o, w est</w>, n e, ne west</w>, lo w</w>, w i, wi d, wid est</w>,"
            + " w e, we r</w>, lo wer</w>",
        merges(BpeLearner.learn(WORDS, 100, 2)));
    assertEquals("s t</w>, e st</w>", merges(BpeLearner.learn(WORDS, 2, 2)));
    Bpe bpe = BpeLearner.learn(WORDS, 4, 2);
    assertEquals(List.of("lo@@", "w"), bpe.segment("low"));
    assertEquals(List.of("lo@@", "w@@", "e@@", "r"), bpe.segment("lower"));
    assertEquals(List.of("lo@@", "west"), bpe.segment("lowest"));
  }

  @Test
  void overlappingPairsAreMergedFromTheLeft() {
    Bpe bpe = BpeLearner.learn(Map.of("aaaab", 3L), 1, 2);
    assertEquals("a a", merges(bpe));
    assertEquals(List.of("aa@@", "aa@@", "b"), bpe.segment("aaaab"));
    assertEquals(List.of("aa@@", "a@@", "b"), bpe.segment("aaab"));
  }

  @Test
  void charactersOutsideTheBasicPlaneStayWhole() {
    Bpe bpe = new Bpe(List.of());
    assertEquals(List.of("\ud83d\ude00@@", "x@@", "\ud83d\ude01"), bpe.segment("😀x😁"));
    assertEquals(List.of("😀x😁"), Bpe.join(bpe.segment("😀x😁")));
    assertTrue(CodePoints.compare("\uffff", "\ud83d\ude00") < 0, "by code points");
  }

  @Test
  void rarePairsAreLeft() {
    assertEquals("", merges(BpeLearner.learn(Map.of("ab", 1L, "cd", 1L), 10, 2)));
    assertEquals("c d</w>, a b</w>", merges(BpeLearner.learn(Map.of("ab", 1L, "cd", 1L), 10, 1)));
  }

  /** A slow and simple learner: counts everything anew before each merge. */
  private static String simple(Map<String, Long> words, int merges) {
    Map<List<String>, Long> vocabulary = new HashMap<>();
    words.forEach((word, count) -> vocabulary.put(Bpe.characters(word), count));
    List<String> out = new ArrayList<>();
    for (int m = 0; m < merges; m++) {
      Map<String, Long> pairs = new HashMap<>();
      vocabulary.forEach(
          (word, count) -> {
            for (int i = 0; i + 1 < word.size(); i++) {
              pairs.merge(word.get(i) + " " + word.get(i + 1), count, Long::sum);
            }
          });
      String best = null;
      for (Map.Entry<String, Long> pair : pairs.entrySet()) {
        long most = best == null ? 1 : pairs.get(best);
        if (pair.getValue() > most
            || pair.getValue() == most
                && best != null
                && Arrays.compare(pair.getKey().split(" "), best.split(" ")) > 0) {
          best = pair.getKey();
        }
      }
      if (best == null) {
        break;
      }
      out.add(best);
      String[] parts = best.split(" ");
      Map<List<String>, Long> next = new HashMap<>();
      for (Map.Entry<List<String>, Long> entry : vocabulary.entrySet()) {
        List<String> word = new ArrayList<>();
        for (int i = 0; i < entry.getKey().size(); i++) {
          boolean here =
              i + 1 < entry.getKey().size()
                  && entry.getKey().get(i).equals(parts[0])
                  && entry.getKey().get(i + 1).equals(parts[1]);
          word.add(here ? parts[0] + parts[1] : entry.getKey().get(i));
          i += here ? 1 : 0;
        }
        next.put(word, entry.getValue());
      }
      vocabulary.clear();
      vocabulary.putAll(next);
    }
    return String.join(", ", out);
  }

  @Test
  void agreesWithCountingAnewBeforeEachMerge() {
    for (int seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      Map<String, Long> words = randomWords(random, 2 + seed % 3);
      assertEquals(simple(words, 40), merges(BpeLearner.learn(words, 40, 2)), "seed " + seed);
    }
  }

  private static Map<String, Long> randomWords(Random random, int letters) {
    Map<String, Long> words = new HashMap<>();
    for (int w = 0; w < 30; w++) {
      StringBuilder word = new StringBuilder();
      for (int k = random.nextInt(8); k >= 0; k--) {
        word.append((char) ('a' + random.nextInt(letters)));
      }
      words.put(word.toString(), 1L + random.nextInt(4));
    }
    return words;
  }

  @Test
  void joiningUndoesSegmenting() {
    for (int seed = 0; seed < 40; seed++) {
      Random random = new Random(seed);
      Bpe bpe = BpeLearner.learn(randomWords(random, 3), 20, 2);
      List<String> sentence = List.copyOf(randomWords(random, 4).keySet());
      assertEquals(sentence, Bpe.join(bpe.segmentAll(sentence)), "seed " + seed);
    }
    assertEquals(List.of("ab", "c"), Bpe.join(List.of("a@@", "b", "c@@")), "broken off in a word");
  }

  @Test
  void fileAndBack() throws IOException {
    Bpe bpe = BpeLearner.learn(WORDS, 5, 2);
    Path file = directory.resolve("codes");
    bpe.save(file);
    assertEquals("#version: 0.2\ns t</w>\ne st</w>\nl o\nw est</w>\nn e\n", Files.readString(file));
    assertEquals(bpe.merges(), Bpe.load(file).merges());
  }

  @Test
  void malformedFilesAreNamedWithTheirLine() throws IOException {
    Path file = directory.resolve("codes");
    assertTrue(refused(file).startsWith("No file " + file));
    Files.writeString(file, "a b\n");
    assertTrue(refused(file).startsWith(file + ", line 1: expected \"#version: 0.2\""));
    Files.writeString(file, "#version: 0.2\na b\nab\n");
    assertEquals(
        file + ", line 3: \"ab\": expected two symbols with a space between them", refused(file));
    Files.writeString(file, "#version: 0.2\na b\na b\n");
    assertEquals(
        file + ", line 3: \"a b\": expected a merge that line 2 does not have", refused(file));
  }

  private static String refused(Path file) {
    return assertThrows(BadInputException.class, () -> Bpe.load(file)).getMessage();
  }

  @Test
  void tenThousandMergesOfARealCorpusAreThoseOfSubwordNmt() {
    String root = System.getProperty("limbeck.data", "");
    assumeFalse(root.isEmpty(), "no real data: set limbeck.data to a directory with mt/");
    ParallelCorpus corpus =
        ParallelCorpus.read(Path.of(root, "mt", "tatoeba"), "train", "de", "en");
    TranslationVocabulary vocabulary =
        TranslationVocabulary.learn(
            corpus, new TextForm("de", true, true), new TextForm("en", true, true), 10_000);
    List<Bpe.Merge> merges = vocabulary.bpe().merges();
    // subword-nmt learned the same 10,000 merges from the same words: its first, 5000th and last.
    assertEquals(10_000, merges.size());
    assertEquals(new Bpe.Merge("e", "n</w>"), merges.get(0));
    assertEquals(new Bpe.Merge("re", "p"), merges.get(4_999));
    assertEquals(new Bpe.Merge("fei", "er"), merges.get(9_999));
    assertEquals(7168, vocabulary.source().dictionary().size());
    assertEquals(5288, vocabulary.target().dictionary().size());
    EncodedCorpus encoded =
        EncodedCorpus.of(corpus, vocabulary, EncodedCorpus.Limits.refusing(256));
    assertEquals(161_771, encoded.size());
    assertEquals(0, encoded.unknown());
    for (int i = 0; i < 1000; i++) {
      assertEquals(
          vocabulary.target().form().words(corpus.pairs().get(i).target()),
          vocabulary.target().words(encoded.targets().get(i)));
    }
  }
}

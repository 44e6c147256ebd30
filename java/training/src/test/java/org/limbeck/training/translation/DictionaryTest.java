// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.transformer.SpecialTokens;

class DictionaryTest {
  @TempDir Path directory;

  @Test
  void specialWordsThenByFrequencyThenDummies() throws IOException {
    Dictionary dictionary = Dictionary.of(Map.of("b", 3L, "c", 5L, "a", 3L, "\u00e4", 3L, "z", 1L));
    assertEquals(16, dictionary.size());
    List<String> words =
        java.util.stream.IntStream.range(0, 10).mapToObj(dictionary::word).toList();
    assertEquals(
        List.of("<s>", "<pad>", "</s>", "<unk>", "c", "a", "b", "\u00e4", "z", "madeupword0000"),
        words);
    assertEquals(5, dictionary.id("a"));
    assertEquals(SpecialTokens.UNK, dictionary.id("no"));
    Path file = directory.resolve("dict.xx.txt");
    dictionary.save(file);
    assertTrue(
        Files.readString(file).startsWith("c 5\na 3\nb 3\n\u00e4 3\nz 1\nmadeupword0000 0\n"));
    Dictionary read = Dictionary.load(file);
    assertEquals(16, read.size());
    assertEquals(7, read.id("\u00e4"));
    assertThrows(IllegalArgumentException.class, () -> read.word(16));
  }

  @Test
  void aMultipleOfEightNeedsNoDummy() {
    assertEquals(8, Dictionary.of(Map.of("a", 1L, "b", 1L, "c", 1L, "d", 1L)).size());
  }

  private static String refused(Path file) {
    return assertThrows(BadInputException.class, () -> Dictionary.load(file)).getMessage();
  }

  @Test
  void malformedFilesAreNamedWithTheirLine() throws IOException {
    Path file = directory.resolve("dict.xx.txt");
    assertTrue(refused(file).startsWith("No file " + file));
    Files.writeString(file, "");
    assertTrue(refused(file).startsWith(file + ": an empty file"));
    String wanted = ": expected a word, a space and how often it occurs";
    for (String line : List.of("b", "b x", "b -1", " 3", "b 1 2")) {
      Files.writeString(file, "a 3\n" + line + "\n");
      assertEquals(file + ", line 2: \"" + line + "\"" + wanted, refused(file));
    }
    Files.writeString(file, "a 3\na 2\n");
    assertEquals(file + ", line 2: \"a 2\": expected a word that line 1 lacks", refused(file));
    Files.writeString(file, "<pad> 3\n");
    assertEquals(
        file + ", line 1: \"<pad> 3\": expected a word that is not special", refused(file));
  }

  @Test
  void vocabularyOfBothLanguagesAndBack() throws IOException {
    ParallelCorpus corpus =
        ParallelCorpus.of(
            "train",
            "x.de",
            List.of("Der Hund bellt.", "Der Hund!"),
            "x.en",
            List.of("The dog barks.", "The dog!"));
    TranslationVocabulary learned =
        TranslationVocabulary.learn(
            corpus, new TextForm("de", true, true), new TextForm("en", true, false), 30);
    learned.save(directory);
    TranslationVocabulary read = TranslationVocabulary.load(directory);
    SubwordEncoder.Encoding encoding = read.source().encode("der hund bellt \u0153!");
    assertArrayEquals(learned.source().encode("der hund bellt \u0153!").ids(), encoding.ids());
    assertEquals(List.of("\u0153"), encoding.unknown());
    assertEquals(SpecialTokens.EOS, encoding.ids()[encoding.ids().length - 1]);
    assertEquals(
        "The dog barks.", read.target().sentence(read.target().encode("The dog barks.").ids()));
    assertEquals(
        List.of("The", "dog"),
        read.target()
            .words(
                new int[] {
                  read.target().dictionary().id("The"),
                  SpecialTokens.PAD,
                  read.target().dictionary().id("dog"),
                  SpecialTokens.EOS,
                  4
                }));
    Files.writeString(directory.resolve("text.json"), "{\"source\": {}}");
    assertTrue(
        assertThrows(BadInputException.class, () -> TranslationVocabulary.load(directory))
            .getMessage()
            .startsWith(directory.resolve("text.json") + ": \"source\": expected an object"));
    Files.writeString(directory.resolve("text.json"), "[");
    assertThrows(BadInputException.class, () -> TranslationVocabulary.load(directory));
    Files.delete(directory.resolve("text.json"));
    assertTrue(
        assertThrows(BadInputException.class, () -> TranslationVocabulary.load(directory))
            .getMessage()
            .startsWith("No file " + directory.resolve("text.json")));
  }

  @Test
  void textThatComesInWordsIsNotCutAgain() {
    TextForm form = new TextForm("en", true, true);
    assertEquals(List.of("we", "'", "re"), form.words("We 're"));
    assertEquals(List.of("we", "'re"), form.words("We 're", true));
    ParallelCorpus corpus =
        ParallelCorpus.of(
            "train",
            "x.de",
            List.of("wir sind da .", "sie auch ."),
            "x.en",
            List.of("we 're here .", "they 're , too ."));
    assertTrue(corpus.tokenised());
    TranslationVocabulary learned =
        TranslationVocabulary.learn(corpus, new TextForm("de", true, true), form, 40);
    EncodedCorpus encoded = EncodedCorpus.of(corpus, learned, EncodedCorpus.Limits.refusing(20));
    assertEquals(
        List.of("we", "'re", "here", "."), learned.target().words(encoded.targets().get(0)));
    assertEquals("they're, too.", learned.target().sentence(encoded.targets().get(1)));
    assertEquals(
        "we're here.", learned.target().sentence(learned.target().encode("We're here.").ids()));
  }
}

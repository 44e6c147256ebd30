// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.formats.BadInputException;

class ParallelCorpusTest {
  @TempDir Path directory;

  private void write(String file, String text) throws IOException {
    Files.writeString(directory.resolve(file), text);
  }

  private String refused() {
    return assertThrows(
            BadInputException.class, () -> ParallelCorpus.read(directory, "train", "de", "en"))
        .getMessage();
  }

  @Test
  void pairsLineByLine() throws IOException {
    write("train.de", "\uFEFFEins.\r\nZwei\u2028noch.\r\n");
    write("train.en", "One.\nTwo.");
    assertEquals(
        List.of(
            new SentencePair(1, "Eins.", "One."), new SentencePair(2, "Zwei\u2028noch.", "Two.")),
        ParallelCorpus.read(directory, "train", "de", "en").pairs());
  }

  @Test
  void whatDoesNotFitIsNamedWithFileAndLine() throws IOException {
    Path de = directory.resolve("train.de");
    Path en = directory.resolve("train.en");
    assertEquals("No file " + de + ": expected a sentence a line", refused());
    write("train.de", "a\nb\n");
    write("train.en", "a\nb\nc\n");
    assertEquals(
        de
            + " has 2 lines and "
            + en
            + " has 3: expected as many, line by line translations of each other",
        refused());
    write("train.en", "a\n \n");
    assertEquals(en + ", line 2: an empty line: expected a sentence", refused());
    Files.write(en, new byte[] {'a', '\n', (byte) 0xe4, '\n'});
    assertEquals(
        en + ", line 2: bytes that are no text in UTF-8: expected a file in UTF-8", refused());
    write("train.de", "");
    write("train.en", "");
    assertEquals(de + " and " + en + " are empty: expected a sentence a line", refused());
  }

  @Test
  void splitsByTheBeginningOfTheirNames() throws IOException {
    for (String name : List.of("test2017.de", "test2016.de", "test2016.en", "valid.de")) {
      write(name, "a\n");
    }
    assertEquals(List.of("test2016", "test2017"), ParallelCorpus.splits(directory, "test", "de"));
    assertThrows(
        BadInputException.class,
        () -> ParallelCorpus.splits(directory.resolve("none"), "test", "de"));
  }

  @Test
  void longSentencesAreRefusedOrDropped() throws IOException {
    write("train.de", "a b c d\na b\na b\n");
    write("train.en", "a b\na\na b\n");
    ParallelCorpus corpus = ParallelCorpus.read(directory, "train", "de", "en");
    TextForm form = new TextForm("xx", false, false);
    TranslationVocabulary words = TranslationVocabulary.learn(corpus, form, form, 0);
    assertEquals(
        directory.resolve("train.de")
            + ", line 1: a sentence of 5 subwords: expected at most 4, the limit that was set",
        assertThrows(
                BadInputException.class,
                () -> EncodedCorpus.of(corpus, words, EncodedCorpus.Limits.refusing(4)))
            .getMessage());
    EncodedCorpus kept = EncodedCorpus.of(corpus, words, new EncodedCorpus.Limits(4, true, 1.5));
    assertEquals(List.of(3), java.util.Arrays.stream(kept.lines()).boxed().toList());
    assertEquals(2, kept.dropped());
    EncodedCorpus all = EncodedCorpus.of(corpus, words, new EncodedCorpus.Limits(5, true, 2));
    assertEquals(3, all.size());
    assertEquals(3 + 2 + 3, all.targetTokens());
    assertTrue(
        assertThrows(
                BadInputException.class,
                () -> EncodedCorpus.of(corpus, words, new EncodedCorpus.Limits(2, true, 1)))
            .getMessage()
            .contains("none of 3 pairs is within 2 subwords"));
  }

  @ParameterizedTest
  @CsvSource({
    "tatoeba,train,161771,false",
    "tatoeba,test,3000,false",
    "multi30k,test2016,1000,false",
    "iwslt14,test,6750,true"
  })
  void countsOfTheRealData(String folder, String name, int pairs, boolean tokenised) {
    String root = System.getProperty("limbeck.data", "");
    assumeFalse(root.isEmpty(), "no real data: set limbeck.data to a directory with mt/");
    Path path = Path.of(root, "mt", folder);
    ParallelCorpus corpus = ParallelCorpus.read(path, name, "de", "en");
    assertEquals(pairs, corpus.pairs().size());
    assertEquals(tokenised, corpus.tokenised());
    assertFalse(ParallelCorpus.splits(path, "test", "de").isEmpty());
  }
}

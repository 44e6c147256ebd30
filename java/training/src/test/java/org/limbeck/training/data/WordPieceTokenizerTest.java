// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.bert.PretrainedModel.TokenizerJson;
import org.limbeck.training.bert.PretrainedModel.WordPieceList;

class WordPieceTokenizerTest {
  private static String json;
  private static WordPieceTokenizer tokenizer;

  @BeforeAll
  static void start() throws IOException {
    try (InputStream in =
        WordPieceTokenizerTest.class.getResourceAsStream("/all-minilm-l6-v2-tokenizer.json")) {
      json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    tokenizer = new WordPieceTokenizer(new TokenizerJson(json));
  }

  @AfterAll
  static void stop() {
    tokenizer.close();
  }

  private static int[] ids(String text) {
    return tokenizer.encode(text, null, 128).ids();
  }

  @Test
  void knownSentences() {
    assertArrayEquals(
        new int[] {101, 1996, 3007, 1997, 2605, 2003, 103, 102},
        ids("the capital of france is [MASK]"));
    assertArrayEquals(new int[] {101, 7592, 1010, 2088, 999, 102}, ids("Hello, World!"));
    // una ##ffa ##ble
    assertArrayEquals(new int[] {101, 14477, 20961, 3468, 102}, ids("UNaffable"));
    assertArrayEquals(new int[] {101, 102}, ids(""));
    assertEquals(30_522, tokenizer.vocabularySize());
    assertEquals(0, tokenizer.pad());
  }

  @Test
  void caseAccentsAndControlCharactersDoNotMatter() {
    assertArrayEquals(ids("cafe francais"), ids("Café\u0000 FRANÇAIS\u200b"));
    assertArrayEquals(ids("a b"), ids(" a\t\n\u00a0b "));
  }

  @Test
  void chineseCharactersStandAlone() {
    assertArrayEquals(ids("中 国"), ids("中国"));
  }

  @Test
  void whatHasNoPiecesIsUnknown() {
    assertArrayEquals(new int[] {101, 100, 102}, ids("x".repeat(101)));
    assertFalse(Arrays.stream(ids("x".repeat(100))).anyMatch(id -> id == 100));
    assertArrayEquals(new int[] {101, 1037, 100, 1038, 102}, ids("a \uD83E\uDDFF b"));
  }

  @Test
  void pairsHaveTwoTypes() {
    Encoded pair = tokenizer.encode("hello", "world !", 128);
    assertArrayEquals(new int[] {101, 7592, 102, 2088, 999, 102}, pair.ids());
    assertArrayEquals(new int[] {0, 0, 0, 1, 1, 1}, pair.types());
    assertArrayEquals(new int[4], tokenizer.encode("hello world", null, 128).types());
  }

  @Test
  void theLongerOfAPairIsCutAndTheSecondOnTies() {
    int[] a = {1, 2, 3, 4, 5};
    int[] b = {6, 7, 8};
    assertArrayEquals(new int[] {-1, 1, 2, -2}, Encoded.of(a, null, 4, -1, -2).ids());
    assertArrayEquals(
        new int[] {-1, 1, 2, 3, 4, -2, 6, 7, 8, -2}, Encoded.of(a, b, 10, -1, -2).ids());
    assertArrayEquals(new int[] {-1, 1, 2, 3, -2, 6, 7, -2}, Encoded.of(a, b, 8, -1, -2).ids());
    assertArrayEquals(new int[] {-1, 1, -2, -2}, Encoded.of(a, b, 4, -1, -2).ids());
    assertArrayEquals(
        new int[] {-1, 1, 2, 3, 4, 5, -2, 6, 7, 8, -2}, Encoded.of(a, b, 11, -1, -2).ids());
    assertThrows(IllegalArgumentException.class, () -> tokenizer.encode("a", null, 2));
  }

  @Test
  void aWholeSplitIsEncodedLikeItsExamples() {
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < 5000; i++) {
      examples.add(new Example("number " + i, i % 3 == 0 ? "and " + 2 * i : null, i));
    }
    List<Encoded> all = tokenizer.encodeAll(examples, 32);
    assertEquals(examples.size(), all.size());
    for (int i = 0; i < examples.size(); i += 97) {
      Encoded one = tokenizer.encode(examples.get(i).textA(), examples.get(i).textB(), 32);
      assertArrayEquals(one.ids(), all.get(i).ids());
      assertArrayEquals(one.types(), all.get(i).types());
    }
  }

  @Test
  void listOfWordPiecesGivesTheSame() {
    String[] lines = new String[tokenizer.vocabularySize()];
    Map<String, JsonElement> vocabulary =
        JsonParser.parseString(json)
            .getAsJsonObject()
            .getAsJsonObject("model")
            .getAsJsonObject("vocab")
            .asMap();
    vocabulary.forEach((piece, id) -> lines[id.getAsInt()] = piece);
    try (WordPieceTokenizer other =
        new WordPieceTokenizer(new WordPieceList(String.join("\n", lines) + "\n"))) {
      List<Example> examples = LanguageToolCorpus.read().dev();
      List<Encoded> expected = tokenizer.encodeAll(examples, 48);
      List<Encoded> got = other.encodeAll(examples, 48);
      for (int i = 0; i < examples.size(); i++) {
        assertArrayEquals(expected.get(i).ids(), got.get(i).ids(), examples.get(i).textA());
      }
      for (String text : List.of("is [MASK] [SEP]", "Ünïcödé 中国", "y".repeat(101))) {
        assertArrayEquals(ids(text), other.encode(text, null, 128).ids());
      }
    }
  }

  @Test
  void leavesNoSettingBehind() {
    assertNull(System.getProperty("ai.djl.offline"));
    assertNull(System.getProperty("ENGINE_CACHE_DIR"));
    assertNull(System.getProperty("jna.tmpdir"));
  }

  /** In JVMs of their own, since a library is loaded once. */
  @Test
  void unpacksWhereItIsToldAndNowhereElse(@TempDir Path directory) throws Exception {
    Path home = Files.createDirectory(directory.resolve("home"));
    Path cache = directory.resolve("cache");
    assertEquals("started with 4 word pieces", elsewhere("", home, cache));
    try (Stream<Path> files = Files.walk(cache)) {
      assertEquals(1, files.filter(Files::isRegularFile).count());
    }
    try (Stream<Path> files = Files.list(home)) {
      assertEquals(List.of(), files.toList());
    }
  }

  @Test
  void saysThatTheLibraryDoesNotLoad(@TempDir Path directory) throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "no directory");
    String output = elsewhere("", directory, file);
    assertTrue(output.startsWith("Cannot create the directory " + file), output);
    assertEquals(1, output.lines().count(), output);
    // DJL looks there alone, and finds nothing.
    output = elsewhere("-DRUST_LIBRARY_PATH=" + directory, directory, directory.resolve("cache"));
    assertTrue(output.startsWith("The tokenizer's native library does not load on "), output);
    assertEquals(1, output.lines().count(), output);
  }

  private static String elsewhere(String flag, Path home, Path cache) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Duser.home=" + home,
                "-Dlimbeck.cache=" + cache));
    if (!flag.isEmpty()) {
      command.add(flag);
    }
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), StartsTokenizer.class.getName()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertEquals(0, process.waitFor(), output);
    return output;
  }

  /** What the other JVMs run: prints how it went. */
  static final class StartsTokenizer {
    public static void main(String[] args) {
      String vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
      try (WordPieceTokenizer started = new WordPieceTokenizer(new WordPieceList(vocabulary))) {
        System.out.println("started with " + started.vocabularySize() + " word pieces");
      } catch (BadInputException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  @Test
  void refusesOtherVocabularies() {
    assertMessage("no JSON object", () -> new WordPieceTokenizer(new TokenizerJson("[1")));
    assertMessage("no object model.vocab", () -> new WordPieceTokenizer(new TokenizerJson("{}")));
    assertMessage(
        "lacks a number for [SEP]", () -> new WordPieceTokenizer(new WordPieceList("[CLS]\na\n")));
    String bpe =
        "{'model': {'type': 'none', 'vocab': {'[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3}}}";
    assertMessage("data is refused", () -> new WordPieceTokenizer(new TokenizerJson(bpe)));
    assertMessage(
        "vocab.txt, line 3: \"a\" a second time",
        () -> new WordPieceTokenizer(new WordPieceList("[CLS]\na\na\n")));
  }

  @Test
  void closedOnceAndForAll() {
    WordPieceTokenizer closed = new WordPieceTokenizer(new TokenizerJson(json));
    closed.close();
    closed.close();
    assertThrows(IllegalStateException.class, () -> closed.encode("a", null, 8));
  }

  private static void assertMessage(String part, Runnable action) {
    String message = assertThrows(BadInputException.class, action::run).getMessage();
    assertTrue(message.contains(part), message);
  }
}

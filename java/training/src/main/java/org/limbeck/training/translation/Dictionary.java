// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.data.Utf8File;
import org.limbeck.training.transformer.SpecialTokens;

/**
 * Numbers the subwords of a language as fairseq does: four special ones, then by falling frequency,
 * equally frequent ones by code points, then dummy words up to a multiple of 8.
 *
 * <p>Source: fairseq's {@code Dictionary}; ids in {@code pet.md} P12.
 */
public final class Dictionary {
  private static final List<String> SPECIAL = List.of("<s>", "<pad>", "</s>", "<unk>");
  private static final int MULTIPLE = 8;
  private static final String DUMMY = "madeupword%04d";

  private final List<String> words;
  private final List<Long> counts;
  private final Map<String, Integer> ids = new HashMap<>();

  private Dictionary(List<String> words, List<Long> counts) {
    this.words = List.copyOf(words);
    this.counts = List.copyOf(counts);
    for (int i = 0; i < words.size(); i++) {
      ids.put(words.get(i), SpecialTokens.COUNT + i);
    }
  }

  /**
   * Makes a dictionary of all words of a corpus.
   *
   * @param counts the words, none empty or with white space, and how often each occurs
   * @return the dictionary, its size a multiple of 8
   */
  public static Dictionary of(Map<String, Long> counts) {
    List<Map.Entry<String, Long>> entries = new ArrayList<>(counts.entrySet());
    entries.removeIf(entry -> SPECIAL.contains(entry.getKey()));
    entries.sort(
        Map.Entry.<String, Long>comparingByValue(Comparator.reverseOrder())
            .thenComparing(Map.Entry.comparingByKey(CodePoints::compare)));
    List<String> words = new ArrayList<>();
    List<Long> frequencies = new ArrayList<>();
    for (Map.Entry<String, Long> entry : entries) {
      words.add(entry.getKey());
      frequencies.add(entry.getValue());
    }
    for (int i = 0; (words.size() + SpecialTokens.COUNT) % MULTIPLE != 0; ) {
      String dummy = String.format(Locale.ROOT, DUMMY, i++);
      if (!counts.containsKey(dummy)) {
        words.add(dummy);
        frequencies.add(0L);
      }
    }
    return new Dictionary(words, frequencies);
  }

  /** Returns the number of ids, special and dummy ones included. */
  public int size() {
    return SpecialTokens.COUNT + words.size();
  }

  /**
   * Returns the id of a word.
   *
   * @param word the word
   * @return its id, {@link #SpecialTokens.UNK} where the dictionary lacks it
   */
  public int id(String word) {
    return ids.getOrDefault(word, SpecialTokens.UNK);
  }

  /**
   * Returns the word of an id.
   *
   * @param id 0 to {@link #size} - 1
   * @throws IllegalArgumentException if there is no such id
   */
  public String word(int id) {
    if (id < 0 || id >= size()) {
      throw new IllegalArgumentException(
          "Dictionary: id: given " + id + ", expected 0 to " + (size() - 1));
    }
    return id < SpecialTokens.COUNT ? SPECIAL.get(id) : words.get(id - SpecialTokens.COUNT);
  }

  /**
   * Writes the words without the special ones, a line each with its frequency, as fairseq does.
   *
   * @param file the file, replaced when everything is written
   * @throws BadInputException if it cannot be written
   */
  public void save(Path file) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < words.size(); i++) {
      text.append(words.get(i)).append(' ').append(counts.get(i)).append('\n');
    }
    AtomicFiles.write(file, text.toString());
  }

  /**
   * Reads what {@link #save} or fairseq wrote.
   *
   * @param file the file
   * @return the dictionary, in the file's order and of its size
   * @throws BadInputException if it cannot be read, a line is not a word and its frequency, or a
   *     word is there twice; the message names file and line
   */
  public static Dictionary load(Path file) {
    List<String> lines = Utf8File.lines(Utf8File.read(file, "a dictionary"));
    if (lines.isEmpty()) {
      throw new BadInputException(
          file + ": an empty file: expected a word and its frequency a line");
    }
    List<String> words = new ArrayList<>(lines.size());
    List<Long> counts = new ArrayList<>(lines.size());
    Map<String, Integer> seen = new HashMap<>();
    for (int i = 0; i < lines.size(); i++) {
      String[] parts = lines.get(i).split(" ", -1);
      long count = parts.length == 2 && !parts[0].isEmpty() ? count(parts[1]) : -1;
      if (count < 0) {
        throw bad(file, i + 1, lines.get(i), "a word, a space and how often it occurs");
      }
      Integer earlier = seen.putIfAbsent(parts[0], i + 1);
      if (earlier != null || SPECIAL.contains(parts[0])) {
        throw bad(
            file,
            i + 1,
            lines.get(i),
            "a word that " + (earlier == null ? "is not special" : "line " + earlier + " lacks"));
      }
      words.add(parts[0]);
      counts.add(count);
    }
    return new Dictionary(words, counts);
  }

  private static long count(String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  private static BadInputException bad(Path file, int line, String given, String expected) {
    return new BadInputException(
        file + ", line " + line + ": \"" + given + "\": expected " + expected);
  }
}

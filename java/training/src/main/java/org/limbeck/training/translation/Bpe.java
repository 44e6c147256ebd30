// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.data.Utf8File;

/**
 * Cuts words into subwords by learned merges, and joins subwords to words.
 *
 * <p>A word is cut into characters, and the earliest learned merge that applies is made at all its
 * places, until none applies. Subwords before the last one of a word end in {@link #CONTINUED}.
 *
 * <p>Words once cut are remembered, so an object is for one thread at a time.
 *
 * <p>Source: Sennrich, Haddow and Birch, ACL 2016; the marks and the file are those of subword-nmt.
 */
public final class Bpe {
  /** What the last character of a word ends in while merges are learned and applied. */
  public static final String END_OF_WORD = "</w>";

  /** What a subword ends in that is not the last of its word. */
  public static final String CONTINUED = "@@";

  private static final String HEADER = "#version: 0.2";

  /** How many words are remembered; a corpus has fewer, an endless input may not. */
  private static final int REMEMBERED = 1 << 20;

  /**
   * Two neighbouring symbols that become one.
   *
   * @param left the symbol before
   * @param right the symbol after, with {@link #END_OF_WORD} where it ends a word
   */
  public record Merge(String left, String right) {}

  private final List<Merge> merges;
  private final Map<Merge, Integer> ranks = new HashMap<>();
  private final Map<String, List<String>> known = new HashMap<>();

  /**
   * Makes an encoding of learned merges.
   *
   * @param merges the merges in the order in which they were learned, none twice
   */
  public Bpe(List<Merge> merges) {
    this.merges = List.copyOf(merges);
    for (Merge merge : this.merges) {
      if (ranks.putIfAbsent(merge, ranks.size()) != null) {
        throw new IllegalArgumentException(
            "Bpe: merges: given " + merge + " twice, expected each once");
      }
    }
  }

  /** Returns the merges in the order in which they were learned. */
  public List<Merge> merges() {
    return merges;
  }

  /** Returns the characters of a word, the last one with the mark of its end. */
  static List<String> characters(String word) {
    if (word.isEmpty() || word.indexOf(' ') >= 0) {
      throw new IllegalArgumentException(
          "Bpe: word: given \"" + word + "\", expected characters without a space, at least 1");
    }
    List<String> symbols = new ArrayList<>(word.length());
    for (int i = 0; i < word.length(); ) {
      int next = word.offsetByCodePoints(i, 1);
      symbols.add(
          next == word.length() ? word.substring(i) + END_OF_WORD : word.substring(i, next));
      i = next;
    }
    return symbols;
  }

  /**
   * Cuts a word.
   *
   * @param word the word, not empty, without spaces
   * @return its subwords, all but the last with {@link #CONTINUED}
   */
  public List<String> segment(String word) {
    List<String> subwords = known.get(word);
    if (subwords == null) {
      subwords = cut(word);
      if (known.size() >= REMEMBERED) {
        known.clear();
      }
      known.put(word, subwords);
    }
    return subwords;
  }

  private List<String> cut(String word) {
    List<String> symbols = characters(word);
    while (symbols.size() > 1) {
      int best = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < symbols.size(); i++) {
        best =
            Math.min(
                best,
                ranks.getOrDefault(
                    new Merge(symbols.get(i), symbols.get(i + 1)), Integer.MAX_VALUE));
      }
      if (best == Integer.MAX_VALUE) {
        break;
      }
      Merge merge = merges.get(best);
      List<String> merged = new ArrayList<>(symbols.size());
      for (int i = 0; i < symbols.size(); i++) {
        if (i + 1 < symbols.size()
            && symbols.get(i).equals(merge.left)
            && symbols.get(i + 1).equals(merge.right)) {
          merged.add(merge.left + merge.right);
          i++;
        } else {
          merged.add(symbols.get(i));
        }
      }
      symbols = merged;
    }
    List<String> subwords = new ArrayList<>(symbols.size());
    for (int i = 0; i + 1 < symbols.size(); i++) {
      subwords.add(symbols.get(i) + CONTINUED);
    }
    String last = symbols.get(symbols.size() - 1);
    subwords.add(last.substring(0, last.length() - END_OF_WORD.length()));
    return List.copyOf(subwords);
  }

  /**
   * Cuts the words of a sentence.
   *
   * @param words the words
   * @return all their subwords
   */
  public List<String> segmentAll(List<String> words) {
    List<String> subwords = new ArrayList<>(2 * words.size());
    for (String word : words) {
      subwords.addAll(segment(word));
    }
    return subwords;
  }

  /**
   * Joins subwords to words. A sentence that breaks off inside a word keeps what there is of it.
   *
   * @param subwords subwords as {@link #segmentAll} returns them
   * @return the words
   */
  public static List<String> join(List<String> subwords) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    for (int i = 0; i < subwords.size(); i++) {
      String subword = subwords.get(i);
      boolean goesOn = subword.endsWith(CONTINUED);
      word.append(subword, 0, goesOn ? subword.length() - CONTINUED.length() : subword.length());
      if (!goesOn || i + 1 == subwords.size()) {
        if (word.length() > 0) {
          words.add(word.toString());
        }
        word.setLength(0);
      }
    }
    return words;
  }

  /**
   * Writes the merges, a line each below a line with the version, as subword-nmt does.
   *
   * @param file the file, replaced when everything is written
   * @throws BadInputException if it cannot be written
   */
  public void save(Path file) {
    StringBuilder text = new StringBuilder(HEADER).append('\n');
    for (Merge merge : merges) {
      text.append(merge.left).append(' ').append(merge.right).append('\n');
    }
    AtomicFiles.write(file, text.toString());
  }

  /**
   * Reads what {@link #save} or subword-nmt wrote.
   *
   * @param file the file
   * @return the merges
   * @throws BadInputException if it cannot be read, or a line is not as expected; the message names
   *     file and line
   */
  public static Bpe load(Path file) {
    List<String> lines = Utf8File.lines(Utf8File.read(file, "merges of byte pair encoding"));
    if (lines.isEmpty() || !lines.get(0).equals(HEADER)) {
      throw new BadInputException(
          file + ", line 1: expected \"" + HEADER + "\" above the merges of byte pair encoding");
    }
    List<Merge> merges = new ArrayList<>(lines.size());
    Map<Merge, Integer> seen = new HashMap<>();
    for (int i = 1; i < lines.size(); i++) {
      String[] parts = lines.get(i).split(" ", -1);
      if (parts.length != 2 || parts[0].isEmpty() || parts[1].isEmpty()) {
        throw bad(file, i + 1, lines.get(i), "two symbols with a space between them");
      }
      Merge merge = new Merge(parts[0], parts[1]);
      Integer earlier = seen.putIfAbsent(merge, i + 1);
      if (earlier != null) {
        throw bad(file, i + 1, lines.get(i), "a merge that line " + earlier + " does not have");
      }
      merges.add(merge);
    }
    return new Bpe(merges);
  }

  private static BadInputException bad(Path file, int line, String given, String expected) {
    return new BadInputException(
        file + ", line " + line + ": \"" + given + "\": expected " + expected);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.data.Utf8File;

/**
 * Sentence pairs of two files, a sentence a line, line by line translations of each other.
 *
 * @param name what the files are called before the suffix: {@code train}, {@code test2016}
 * @param sourceName the file of the sentences, for messages
 * @param targetName the file of the translations, for messages
 * @param pairs the pairs, in the order of the files, at least 1
 */
public record ParallelCorpus(
    String name, String sourceName, String targetName, List<SentencePair> pairs) {
  /** Copies the pairs. */
  public ParallelCorpus {
    pairs = List.copyOf(pairs);
    if (pairs.isEmpty()) {
      throw new IllegalArgumentException("ParallelCorpus: pairs: given none, expected at least 1");
    }
  }

  /** Returns the sentences, in order. */
  public List<String> sources() {
    return pairs.stream().map(SentencePair::source).toList();
  }

  /** Returns the translations, in order. */
  public List<String> targets() {
    return pairs.stream().map(SentencePair::target).toList();
  }

  /**
   * Reads a split of a directory.
   *
   * @param directory where the files {@code name.source} and {@code name.target} are
   * @param name the split
   * @param source the suffix of the language to translate from, such as {@code de}
   * @param target the suffix of the language to translate to, such as {@code en}
   * @return the pairs
   * @throws BadInputException if a file is missing, unreadable or not UTF-8, the files have unequal
   *     numbers of lines or none, or a line is empty or white space; the message names file and
   *     line
   */
  public static ParallelCorpus read(Path directory, String name, String source, String target) {
    Path sourceFile = directory.resolve(name + "." + source);
    Path targetFile = directory.resolve(name + "." + target);
    return of(
        name, sourceFile.toString(), lines(sourceFile), targetFile.toString(), lines(targetFile));
  }

  private static List<String> lines(Path file) {
    return Utf8File.lines(Utf8File.read(file, "a sentence a line"));
  }

  /**
   * Pairs two lists of sentences.
   *
   * @param name the split
   * @param sourceName where the sentences come from, for messages
   * @param sources the sentences
   * @param targetName where the translations come from, for messages
   * @param targets the translations
   * @return the pairs
   * @throws BadInputException as {@link #read}
   */
  public static ParallelCorpus of(
      String name,
      String sourceName,
      List<String> sources,
      String targetName,
      List<String> targets) {
    if (sources.size() != targets.size()) {
      throw new BadInputException(
          sourceName
              + " has "
              + sources.size()
              + " lines and "
              + targetName
              + " has "
              + targets.size()
              + ": expected as many, line by line translations of each other");
    }
    if (sources.isEmpty()) {
      throw new BadInputException(
          sourceName + " and " + targetName + " are empty: expected a sentence a line");
    }
    List<SentencePair> pairs = new ArrayList<>(sources.size());
    for (int i = 0; i < sources.size(); i++) {
      pairs.add(
          new SentencePair(
              i + 1, checked(sourceName, i, sources), checked(targetName, i, targets)));
    }
    return new ParallelCorpus(name, sourceName, targetName, pairs);
  }

  private static String checked(String file, int index, List<String> lines) {
    String line = lines.get(index);
    if (line.isBlank()) {
      throw new BadInputException(
          file + ", line " + (index + 1) + ": an empty line: expected a sentence");
    }
    return line;
  }

  /**
   * Returns the names of the splits of a directory that begin with a word: for {@code test} those
   * of {@code test.de}, {@code test2016.de} and so on.
   *
   * @param directory the directory
   * @param prefix what the names begin with
   * @param source the suffix of the language to translate from
   * @return the names, sorted; empty where there is none
   * @throws BadInputException if the directory is missing or cannot be read
   */
  public static List<String> splits(Path directory, String prefix, String source) {
    String suffix = "." + source;
    try (Stream<Path> files = Files.list(directory)) {
      return List.copyOf(
          files
              .map(file -> file.getFileName().toString())
              .filter(file -> file.startsWith(prefix) && file.endsWith(suffix))
              .map(file -> file.substring(0, file.length() - suffix.length()))
              .collect(Collectors.toCollection(TreeSet::new)));
    } catch (IOException e) {
      throw BadInputException.reading(directory, e);
    }
  }

  /**
   * Returns whether the translations look tokenised already: most of those that end in a full stop,
   * question mark or exclamation mark have a space before it.
   */
  public boolean tokenised() {
    int ends = 0;
    int apart = 0;
    for (SentencePair pair : pairs) {
      String text = pair.target().stripTrailing();
      if (text.length() > 2 && ".?!".indexOf(text.charAt(text.length() - 1)) >= 0) {
        ends++;
        apart += Character.isWhitespace(text.charAt(text.length() - 2)) ? 1 : 0;
      }
    }
    return 2 * apart > ends;
  }
}

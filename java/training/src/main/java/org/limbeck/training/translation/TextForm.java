// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.List;
import java.util.Locale;

/**
 * How the sentences of a language become words, and words sentences.
 *
 * <p>Immutable.
 */
public final class TextForm {
  private final String language;
  private final boolean moses;
  private final boolean lowerCase;
  private final MosesTokenizer tokenizer;
  private final MosesDetokenizer detokenizer;

  /**
   * Chooses.
   *
   * @param language the language's code, such as {@code de}
   * @param moses whether words are found by {@link MosesTokenizer}; else they are what is between
   *     spaces
   * @param lowerCase whether words are turned into lower case
   */
  public TextForm(String language, boolean moses, boolean lowerCase) {
    this.language = language;
    this.moses = moses;
    this.lowerCase = lowerCase;
    tokenizer = new MosesTokenizer(language);
    detokenizer = new MosesDetokenizer(language);
  }

  /** Returns the language's code. */
  public String language() {
    return language;
  }

  /** Returns whether words are found by Moses' rules. */
  public boolean moses() {
    return moses;
  }

  /** Returns whether words are turned into lower case. */
  public boolean lowerCase() {
    return lowerCase;
  }

  /**
   * Returns the words of a sentence.
   *
   * @param sentence the sentence
   * @return its words, in lower case where so chosen; empty for white space
   */
  public List<String> words(String sentence) {
    return words(sentence, !moses);
  }

  /**
   * Returns the words of a sentence that may come in words already.
   *
   * @param sentence the sentence
   * @param inWords whether it has spaces between all words and punctuation marks: Moses' rules
   *     would cut some of them again
   * @return its words, in lower case where so chosen; empty for white space
   */
  public List<String> words(String sentence, boolean inWords) {
    List<String> words =
        inWords || !moses ? MosesTokenizer.words(sentence) : tokenizer.tokenize(sentence);
    return lowerCase ? words.stream().map(word -> word.toLowerCase(Locale.ROOT)).toList() : words;
  }

  /**
   * Returns the sentence of words.
   *
   * @param words the words
   * @return the sentence as a person writes it, by {@link MosesDetokenizer} or with spaces
   */
  public String sentence(List<String> words) {
    return moses ? detokenizer.detokenize(words) : String.join(" ", words);
  }
}

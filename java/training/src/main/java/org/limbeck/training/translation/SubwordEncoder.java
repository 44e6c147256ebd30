// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.translation;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.limbeck.training.transformer.SpecialTokens;

/**
 * Turns sentences of one language into ids of subwords and back.
 *
 * <p>For one thread at a time, as {@link Bpe}.
 */
public final class SubwordEncoder {
  private final TextForm form;
  private final Bpe bpe;
  private final Dictionary dictionary;

  /**
   * A sentence in ids.
   *
   * @param ids the subwords, with {@link SpecialTokens#EOS} at the end
   * @param unknown the subwords that the dictionary lacks, which are {@link SpecialTokens#UNK} in
   *     {@code ids}; each once
   */
  public record Encoding(int[] ids, List<String> unknown) {}

  /**
   * Combines the parts.
   *
   * @param form how sentences become words
   * @param bpe how words become subwords
   * @param dictionary the ids of subwords
   */
  public SubwordEncoder(TextForm form, Bpe bpe, Dictionary dictionary) {
    this.form = form;
    this.bpe = bpe;
    this.dictionary = dictionary;
  }

  /** Returns how sentences become words. */
  public TextForm form() {
    return form;
  }

  /** Returns the ids of subwords. */
  public Dictionary dictionary() {
    return dictionary;
  }

  /**
   * Counts the subwords of sentences, for a dictionary.
   *
   * @param form how sentences become words
   * @param bpe how words become subwords
   * @param sentences the sentences
   * @param inWords whether they come in words already
   * @return how often each subword occurs
   */
  static Map<String, Long> count(TextForm form, Bpe bpe, List<String> sentences, boolean inWords) {
    Map<String, Long> counts = new HashMap<>();
    for (String sentence : sentences) {
      for (String subword : bpe.segmentAll(form.words(sentence, inWords))) {
        counts.merge(subword, 1L, Long::sum);
      }
    }
    return counts;
  }

  /**
   * Encodes a sentence.
   *
   * @param sentence the sentence
   * @return its ids; only {@link SpecialTokens#EOS} for white space
   */
  public Encoding encode(String sentence) {
    return encodeWords(form.words(sentence));
  }

  /**
   * Encodes words.
   *
   * @param words words as {@link TextForm#words} returns them
   * @return their ids
   */
  public Encoding encodeWords(List<String> words) {
    List<String> subwords = bpe.segmentAll(words);
    int[] ids = new int[subwords.size() + 1];
    Set<String> unknown = new LinkedHashSet<>();
    for (int i = 0; i < subwords.size(); i++) {
      ids[i] = dictionary.id(subwords.get(i));
      if (ids[i] == SpecialTokens.UNK) {
        unknown.add(subwords.get(i));
      }
    }
    ids[subwords.size()] = SpecialTokens.EOS;
    return new Encoding(ids, List.copyOf(unknown));
  }

  /**
   * Returns the words of ids.
   *
   * @param ids subwords up to {@link SpecialTokens#EOS} or the end; padding and begins are left out
   * @return words as {@link TextForm#words} has them
   */
  public List<String> words(int[] ids) {
    List<String> subwords = new ArrayList<>(ids.length);
    for (int id : ids) {
      if (id == SpecialTokens.EOS) {
        break;
      }
      if (id != SpecialTokens.PAD && id != SpecialTokens.BOS) {
        subwords.add(dictionary.word(id));
      }
    }
    return Bpe.join(subwords);
  }

  /**
   * Returns the sentence of ids.
   *
   * @param ids as for {@link #words(int[])}
   * @return the sentence as a person writes it
   */
  public String sentence(int[] ids) {
    return form.sentence(words(ids));
  }
}

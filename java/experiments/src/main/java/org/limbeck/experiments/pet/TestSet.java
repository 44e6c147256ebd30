// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.limbeck.training.data.Permutation;
import org.limbeck.training.translation.Bleu;
import org.limbeck.training.translation.EncodedCorpus;
import org.limbeck.training.translation.ParallelCorpus;
import org.limbeck.training.translation.SubwordEncoder;
import org.limbeck.training.translation.TranslationVocabulary;

/**
 * Sentences to translate and the references to judge translations by.
 *
 * @param name the name in tables
 * @param sources the sentences in ids
 * @param sentences the sentences as they are written
 * @param references the references as a person writes them
 * @param tokenised the references as words with spaces between them
 * @param unknown how many subwords of the sentences the vocabulary lacks
 */
record TestSet(
    String name,
    List<int[]> sources,
    List<String> sentences,
    List<String> references,
    List<String> tokenised,
    long unknown) {

  /**
   * BLEU of both kinds.
   *
   * @param sacrebleu of sentences, by sacreBLEU's 13a tokenisation
   * @param tokenised of the words that the model sees
   */
  record Scores(double sacrebleu, double tokenised) {}

  /**
   * Prepares a corpus.
   *
   * @param name the name in tables
   * @param corpus the pairs
   * @param vocabulary the subwords
   * @param longest the longest sentence in ids; a longer one is refused
   * @param count how many pairs are taken, chosen by chance; 0 for all
   */
  static TestSet of(
      String name,
      ParallelCorpus corpus,
      TranslationVocabulary vocabulary,
      int longest,
      int count) {
    EncodedCorpus encoded =
        EncodedCorpus.of(corpus, vocabulary, EncodedCorpus.Limits.refusing(longest));
    int[] chosen = Permutation.of(encoded.size(), 0, Permutation.SUBSET);
    if (count > 0 && count < chosen.length) {
      chosen = Arrays.copyOf(chosen, count);
    }
    Arrays.sort(chosen);
    SubwordEncoder target = vocabulary.target();
    // A corpus that comes in words is put together as the translations are.
    boolean inWords = corpus.tokenised();
    List<int[]> sources = new ArrayList<>();
    List<String> sentences = new ArrayList<>();
    List<String> references = new ArrayList<>();
    List<String> tokenised = new ArrayList<>();
    for (int i : chosen) {
      String reference = corpus.pairs().get(i).target();
      List<String> words = target.form().words(reference, inWords);
      sources.add(encoded.sources().get(i));
      sentences.add(corpus.pairs().get(i).source());
      references.add(inWords ? target.form().sentence(words) : reference);
      tokenised.add(String.join(" ", words));
    }
    return new TestSet(name, sources, sentences, references, tokenised, encoded.unknown());
  }

  /**
   * Judges translations.
   *
   * @param translations the ids of each sentence's translation
   * @param target what turns them into text
   */
  Scores score(List<int[]> translations, SubwordEncoder target) {
    boolean lowerCase = target.form().lowerCase();
    List<String> texts = translations.stream().map(target::sentence).toList();
    List<String> words =
        translations.stream().map(ids -> String.join(" ", target.words(ids))).toList();
    return new Scores(
        Bleu.of(texts, references, Bleu.Kind.SACREBLEU, lowerCase).score(),
        Bleu.of(words, tokenised, Bleu.Kind.TOKENISED, lowerCase).score());
  }
}

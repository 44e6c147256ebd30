// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.util.List;

/**
 * What came out of training one model from one seed.
 *
 * @param name the model
 * @param label what it is, in a few words
 * @param seed the seed
 * @param parameters the number of trained values
 * @param steps the number of optimizer steps, those of a warm-up included
 * @param seconds the wall time of training, validations included
 * @param trainingRate target tokens a second in training; 0 where that was not measured
 * @param valid BLEU of the best validation
 * @param labels how many target tokens of each class the warm-up had; empty without one
 * @param tests BLEU on each test set
 * @param single the speed of sentences one by one
 * @param batched the speed of many sentences at once
 * @param examples translations of the first sentences of the first test set
 */
record ModelResult(
    String name,
    String label,
    long seed,
    long parameters,
    long steps,
    double seconds,
    double trainingRate,
    double valid,
    List<Long> labels,
    List<Test> tests,
    Speed single,
    Speed batched,
    List<String> examples) {

  /**
   * BLEU on a test set.
   *
   * @param name the test set
   * @param sacrebleu of sentences, by sacreBLEU's 13a tokenisation
   * @param tokenised of the words that the model sees
   * @param seconds the wall time of the translations
   */
  record Test(String name, double sacrebleu, double tokenised, double seconds) {}

  /**
   * A measurement of speed.
   *
   * @param batch how many sentences are translated at once
   * @param sentences how many were translated
   * @param tokens how many subwords came out
   * @param seconds the wall time
   */
  record Speed(int batch, long sentences, long tokens, double seconds) {
    /** Returns sentences a second. */
    double sentencesPerSecond() {
      return sentences / seconds;
    }

    /** Returns subwords a second. */
    double tokensPerSecond() {
      return tokens / seconds;
    }
  }
}

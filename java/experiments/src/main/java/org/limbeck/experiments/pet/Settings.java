// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.pet;

import java.util.List;

/**
 * Everything that decides the numbers of a run: two runs of equal settings end with equal bits,
 * apart from times.
 *
 * @param data the folder of the sentence pairs, empty for the built-in ones
 * @param digest a checksum of the sentence pairs
 * @param source the suffix of the language to translate from
 * @param target the suffix of the language to translate to
 * @param tests further test sets, NAME=DIR
 * @param moses whether words are found by Moses' rules
 * @param lowerCase whether words are turned into lower case
 * @param merges how many merges of byte pair encoding are learned
 * @param longest the longest sentence in subwords, its end included
 * @param dropLong whether training pairs with longer sentences are left out
 * @param lengthRatio the largest ratio of lengths of a training pair; 0 for any
 * @param trainPairs how many training pairs are used; 0 for all
 * @param validPairs how many validation pairs are translated to choose a checkpoint; 0 for all
 * @param testPairs how many pairs of each test set are used; 0 for all
 * @param width the width of the teacher
 * @param studentWidth the width of the students' encoder
 * @param models the models beside the two teachers, by name
 * @param seeds the seeds of the students; the first one is the teachers' too
 * @param batchTokens the largest (pairs) * (longest sentence) of a batch
 * @param learningRate the peak learning rate
 * @param rise the number of steps in which the learning rate rises
 * @param dropout the probability of dropout
 * @param epochs the students' epochs, those of the warm-up included
 * @param warmupEpochs the epochs of PET's warm-up
 * @param teacherEpochs the teachers' epochs
 * @param validateEvery the epochs between validations
 * @param patience how many validations without gain end a student's training; 0 for none
 * @param teacherPatience the same of teachers
 * @param beam the beam of tests
 * @param validBeam the beam of validations
 * @param alpha the weight of the teacher's logits in PET and PKD
 * @param kdAlpha the same in plain distillation
 * @param temperature the temperature of the logits
 * @param beta the factor of the hidden states in PET and PKD
 * @param mapping which layers are compared: {@code skip} or {@code last}
 * @param correctThreshold above it a correct teacher is confident
 * @param wrongThreshold above it a wrong teacher is confident
 * @param speedSentences how many sentences are translated one by one to measure speed
 * @param device where the models live
 * @param tf32 whether layers round the factors of their products to tf32
 */
record Settings(
    String data,
    String digest,
    String source,
    String target,
    List<String> tests,
    boolean moses,
    boolean lowerCase,
    int merges,
    int longest,
    boolean dropLong,
    double lengthRatio,
    int trainPairs,
    int validPairs,
    int testPairs,
    int width,
    int studentWidth,
    List<String> models,
    List<Long> seeds,
    int batchTokens,
    double learningRate,
    long rise,
    double dropout,
    double epochs,
    double warmupEpochs,
    double teacherEpochs,
    double validateEvery,
    int patience,
    int teacherPatience,
    int beam,
    int validBeam,
    double alpha,
    double kdAlpha,
    double temperature,
    double beta,
    String mapping,
    double correctThreshold,
    double wrongThreshold,
    int speedSentences,
    String device,
    boolean tf32) {
  /** The seed of the teachers. */
  long teacherSeed() {
    return seeds.get(0);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.util.List;

/**
 * Everything that decides the numbers of a run: two runs of equal settings end with equal bits.
 *
 * @param model the pretrained encoder, a name or a directory
 * @param tasks the tasks
 * @param losses the loss configurations, as written
 * @param seeds the seeds of the students
 * @param learningRate the students' peak learning rate
 * @param epochs the students' passes over the training examples
 * @param teacherLearningRate the teacher's peak learning rate
 * @param teacherEpochs the teacher's passes over the training examples
 * @param teacherSeed the seed of the teacher
 * @param batch the number of examples a step; 0 for the task's own
 * @param length the greatest number of word pieces; 0 for the task's own
 * @param padding {@code maximum}, as in the paper, {@code longest} of the batch, or {@code
 *     grouped}: longest, with batches of like length
 * @param trainExamples how many training examples are used; 0 for all
 * @param evaluations how often a run is evaluated, evenly spaced, the end included; 0 for the
 *     paper's interval of the task
 * @param analysed how many examples of the development set the analyses look at
 * @param hessian how many examples of the development set the eigenvalues of Hessians come from
 * @param hessianBatch the number of examples of a mini-batch there
 * @param device where the models live
 * @param tf32 whether layers round the factors of their products to tf32
 */
record Settings(
    String model,
    List<String> tasks,
    List<String> losses,
    List<Long> seeds,
    double learningRate,
    double epochs,
    double teacherLearningRate,
    double teacherEpochs,
    long teacherSeed,
    int batch,
    int length,
    String padding,
    int trainExamples,
    int evaluations,
    int analysed,
    int hessian,
    int hessianBatch,
    String device,
    boolean tf32) {}

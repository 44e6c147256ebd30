// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.Optional;

/**
 * How far a student's self-attention of one layer is from its teacher's, for one class of tokens:
 * the difference of two means, each over heads, queries and the tokens of the class.
 *
 * <p>It is a difference of means, not a mean of differences: errors of opposite sign cancel.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 4.2, Fig. 6.
 *
 * @param generation the distance of the attention that the class gets (SA-GEN), in units of
 *     probability
 * @param transformed the distance of the lengths of transformed vectors, in units of the hidden
 *     state
 * @param propagation the distance of the lengths of what arrives (SA-PROP), in units of the hidden
 *     state
 */
public record SelfAttentionDistance(double generation, double transformed, double propagation) {

  /**
   * Compares two networks on one example and layer.
   *
   * @param student the student's contributions of n tokens
   * @param teacher the teacher's, of as many tokens
   * @param classes the own class of each token; length n
   * @param tokenClass the class to compare
   * @return the distances; empty where the example has no token of that class
   * @throws IllegalArgumentException if the numbers of tokens differ
   */
  public static Optional<SelfAttentionDistance> of(
      TokenContributions student,
      TokenContributions teacher,
      TokenClass[] classes,
      TokenClass tokenClass) {
    int n = teacher.attention().length;
    if (student.attention().length != n || classes.length != n) {
      throw new IllegalArgumentException(
          "SelfAttentionDistance.of: given "
              + student.attention().length
              + " tokens of the student and "
              + classes.length
              + " classes, expected the teacher's number of tokens, "
              + n);
    }
    int members = 0;
    for (TokenClass own : classes) {
      members += tokenClass.contains(own) ? 1 : 0;
    }
    if (members == 0) {
      return Optional.empty();
    }
    return Optional.of(
        new SelfAttentionDistance(
            difference(student.attention(), teacher.attention(), classes, tokenClass, members),
            difference(student.transformed(), teacher.transformed(), classes, tokenClass, members),
            difference(student.weighted(), teacher.weighted(), classes, tokenClass, members)));
  }

  private static double difference(
      double[] student,
      double[] teacher,
      TokenClass[] classes,
      TokenClass tokenClass,
      int members) {
    double studentSum = 0;
    double teacherSum = 0;
    for (int i = 0; i < classes.length; i++) {
      if (tokenClass.contains(classes[i])) {
        studentSum += student[i];
        teacherSum += teacher[i];
      }
    }
    return Math.abs(teacherSum / members - studentSum / members);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Which layers of a teacher the layers of a student learn from. The last layer of each is left out,
 * as its output is compared by the logits.
 */
public enum PatienceMapping {
  /** Spread evenly from the teacher's first layer to the one before its last: 1, 3, 5 of 6. */
  SKIP,
  /** The teacher's layers just before its last: 3, 4, 5 of 6 for a student of 4. */
  LAST;

  /**
   * Two layers that are compared, from 1.
   *
   * @param student the student's layer
   * @param teacher the teacher's
   */
  public record Pair(int student, int teacher) {}

  /**
   * Returns the pairs: one for each layer of the student but its last.
   *
   * @param studentLayers the number of executed layers of the student, at least 2
   * @param teacherLayers the number of executed layers of the teacher, at least as many
   */
  public List<Pair> pairs(int studentLayers, int teacherLayers) {
    if (studentLayers < 2 || teacherLayers < studentLayers) {
      throw new IllegalArgumentException(
          "PatienceMapping: given "
              + studentLayers
              + " layers of a student and "
              + teacherLayers
              + " of a teacher, expected at least 2, and as many or more of the teacher");
    }
    int count = studentLayers - 1;
    return IntStream.rangeClosed(1, count)
        .mapToObj(i -> new Pair(i, teacher(i, count, teacherLayers - 1)))
        .toList();
  }

  private int teacher(int i, int count, int last) {
    if (this == LAST) {
      return last - count + i;
    }
    return count == 1 ? (last + 1) / 2 : 1 + (i - 1) * (last - 1) / (count - 1);
  }
}

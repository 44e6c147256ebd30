// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

/**
 * How much a student's attention maps break the order in which the teacher ranks the keys of a
 * query: for two keys, how far the student's probabilities lie apart in the wrong direction.
 *
 * <p>With P the map of one head, the hinge of a pair of keys (a, b) of query r is {@code max(0,
 * -(Ps_ra - Ps_rb) * sign(Pt_ra - Pt_rb))}, where sign(0) = 0. The result is 0 where the student
 * keeps every strict order of the teacher.
 *
 * <p><i>Accuracy</i>: differences and sums in double. NaN in a map gives NaN for its head.
 * <i>Determinism</i>: one fixed order of summation.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 3.2, Fig. 4; after Liu et al., "Post-Training
 * Quantization for Vision Transformer", NeurIPS 2021.
 */
public final class RankingLoss {
  private RankingLoss() {}

  /**
   * Returns the loss as the authors' notebook adds it up: the hinge over all queries r, i = 0..n-2
   * and j = 1..n-1, not normalised, so that it grows with n.
   *
   * <p>These ranges meet a pair of keys a &lt; b once if a = 0 or b = n-1, and twice otherwise.
   *
   * @param student the student's maps of one example and layer
   * @param teacher the teacher's, with as many heads and tokens
   * @return one loss a head, 0 or more, in units of probability
   * @throws IllegalArgumentException if heads or tokens differ
   */
  public static double[] literal(HeadMaps student, HeadMaps teacher) {
    HeadMaps.requireSameShape("RankingLoss.literal", student, teacher);
    return sum(student, teacher, true);
  }

  /**
   * Returns the mean hinge: every unordered pair of keys once in every query, divided by the number
   * of such terms, n * n (n-1) / 2, so that examples of different lengths compare.
   *
   * @param student the student's maps of one example and layer
   * @param teacher the teacher's, with as many heads and tokens
   * @return one loss a head, 0 to 1, in units of probability; 0 for a single token, which has no
   *     pair
   * @throws IllegalArgumentException if heads or tokens differ
   */
  public static double[] normalised(HeadMaps student, HeadMaps teacher) {
    HeadMaps.requireSameShape("RankingLoss.normalised", student, teacher);
    double[] loss = sum(student, teacher, false);
    int n = teacher.tokens();
    double terms = 0.5 * n * n * (n - 1);
    for (int head = 0; head < loss.length && terms > 0; head++) {
      loss[head] /= terms;
    }
    return loss;
  }

  private static double[] sum(HeadMaps student, HeadMaps teacher, boolean literal) {
    int n = teacher.tokens();
    double[] losses = new double[teacher.heads()];
    double[] ps = new double[n];
    double[] pt = new double[n];
    for (int head = 0; head < losses.length; head++) {
      double sum = 0;
      for (int query = 0; query < n; query++) {
        student.row(head, query, ps);
        teacher.row(head, query, pt);
        for (int a = 0; a < n; a++) {
          for (int b = a + 1; b < n; b++) {
            int times = literal && a > 0 && b < n - 1 ? 2 : 1;
            sum += times * Math.max(0, -(ps[a] - ps[b]) * Math.signum(pt[a] - pt[b]));
          }
        }
      }
      losses[head] = sum;
    }
    return losses;
  }
}

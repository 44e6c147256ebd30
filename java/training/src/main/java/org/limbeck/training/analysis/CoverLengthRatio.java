// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

/**
 * How far down a student's ranking one has to go to meet the teacher's K most attended keys.
 *
 * <p>For a query, T is the set of the teacher's K largest probabilities, and the ratio is the
 * largest 0-based position of a member of T in the student's descending order, divided by the
 * number n of tokens. Lower is better; a student that puts T first has (K-1)/n. Equal probabilities
 * are ranked by their index (a stable descending sort), in both networks.
 *
 * <p><i>Accuracy</i>: counts are exact, the mean is a double. <i>Determinism</i>: no rounding
 * depends on an order of work.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 3.2, Fig. 4; the value of K in that figure is not
 * known.
 */
public final class CoverLengthRatio {
  /** The K of the authors' notebook. */
  public static final int NOTEBOOK_K = 5;

  /** The K of the authors' training log. */
  public static final int LOGGING_K = 3;

  private CoverLengthRatio() {}

  /**
   * Returns the ratio as the authors' training log has it: the mean over all n queries.
   *
   * @param student the student's maps of one example and layer
   * @param teacher the teacher's, with as many heads and tokens
   * @param k how many of the teacher's keys are to be covered, 1 to n
   * @return one ratio a head, from (k-1)/n to (n-1)/n
   * @throws IllegalArgumentException if heads or tokens differ, or k is not 1 to n
   */
  public static double[] logging(HeadMaps student, HeadMaps teacher, int k) {
    return ratios("CoverLengthRatio.logging", student, teacher, k, teacher.tokens());
  }

  /**
   * Returns the ratio as the authors' notebook has it: the last query is left out of the sum but
   * counted in the divisor, so that the best is (k-1)/n * (n-1)/n.
   *
   * @param student the student's maps of one example and layer
   * @param teacher the teacher's, with as many heads and tokens
   * @param k how many of the teacher's keys are to be covered, 1 to n
   * @return one ratio a head; 0 for a single token
   * @throws IllegalArgumentException if heads or tokens differ, or k is not 1 to n
   */
  public static double[] notebook(HeadMaps student, HeadMaps teacher, int k) {
    return ratios("CoverLengthRatio.notebook", student, teacher, k, teacher.tokens() - 1);
  }

  /**
   * Returns the smallest ratio of {@link #logging}, which the teacher itself has: (k-1)/n.
   *
   * @param k how many keys are to be covered, 1 to {@code tokens}
   * @param tokens the number n of tokens
   * @throws IllegalArgumentException if k is not 1 to {@code tokens}
   */
  public static double floor(int k, int tokens) {
    HeadMaps.requireCount("CoverLengthRatio.floor", "k", k, tokens);
    return (double) (k - 1) / tokens;
  }

  private static double[] ratios(
      String operation, HeadMaps student, HeadMaps teacher, int k, int queries) {
    HeadMaps.requireSameShape(operation, student, teacher);
    int n = teacher.tokens();
    HeadMaps.requireCount(operation, "k", k, n);
    double[] ratios = new double[teacher.heads()];
    double[] row = new double[n];
    for (int head = 0; head < ratios.length; head++) {
      long positions = 0;
      for (int query = 0; query < queries; query++) {
        teacher.row(head, query, row);
        int[] wanted = Ranking.descending(row);
        student.row(head, query, row);
        int[] position = Ranking.positions(Ranking.descending(row));
        int last = 0;
        for (int i = 0; i < k; i++) {
          last = Math.max(last, position[wanted[i]]);
        }
        positions += last;
      }
      ratios[head] = (double) positions / n / n;
    }
    return ratios;
  }
}

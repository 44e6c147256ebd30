// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

/**
 * Where the teacher's most attended tokens stand in each network's ranking of the tokens.
 *
 * <p>A token's standing in a head is its column mean of the map, over the n query rows. The ratio
 * of a token is its 0-based position in the ascending order of the standings (stable: equal ones by
 * index), divided by n; it is 0 for the least attended token and (n-1)/n for the most attended.
 *
 * <p><i>Accuracy</i>: column means in double. <i>Determinism</i>: one fixed order of summation.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 5, Fig. 7.
 *
 * @param tokens the positions of the teacher's chosen tokens, most attended first; [heads][top]
 * @param teacher the teacher's ratios of these tokens; [heads][top]
 * @param student the student's ratios of these tokens; [heads][top]
 */
@SuppressWarnings("ArrayRecordComponent") // a bundle of results, compared by no one
public record RankingRatio(int[][] tokens, double[][] teacher, double[][] student) {
  /** How many tokens the paper's figure follows. */
  public static final int TOP = 3;

  /**
   * Follows the teacher's most attended tokens of every head.
   *
   * @param student the student's maps of one example and layer
   * @param teacher the teacher's, with as many heads and tokens
   * @param top how many tokens to follow, 1 to n
   * @throws IllegalArgumentException if heads or tokens differ, or {@code top} is not 1 to n
   */
  public static RankingRatio of(HeadMaps student, HeadMaps teacher, int top) {
    HeadMaps.requireSameShape("RankingRatio.of", student, teacher);
    int n = teacher.tokens();
    HeadMaps.requireCount("RankingRatio.of", "top", top, n);
    int heads = teacher.heads();
    int[][] tokens = new int[heads][top];
    double[][] teacherRatios = new double[heads][top];
    double[][] studentRatios = new double[heads][top];
    for (int head = 0; head < heads; head++) {
      double[] standing = columnMeans(teacher, head);
      int[] best = Ranking.descending(standing);
      int[] teacherPosition = Ranking.positions(Ranking.ascending(standing));
      int[] studentPosition = Ranking.positions(Ranking.ascending(columnMeans(student, head)));
      for (int i = 0; i < top; i++) {
        tokens[head][i] = best[i];
        teacherRatios[head][i] = (double) teacherPosition[best[i]] / n;
        studentRatios[head][i] = (double) studentPosition[best[i]] / n;
      }
    }
    return new RankingRatio(tokens, teacherRatios, studentRatios);
  }

  private static double[] columnMeans(HeadMaps maps, int head) {
    int n = maps.tokens();
    double[] means = new double[n];
    double[] row = new double[n];
    for (int query = 0; query < n; query++) {
      maps.row(head, query, row);
      for (int key = 0; key < n; key++) {
        means[key] += row[key];
      }
    }
    for (int key = 0; key < n; key++) {
      means[key] /= n;
    }
    return means;
  }
}

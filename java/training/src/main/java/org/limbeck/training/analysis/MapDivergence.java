// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

/**
 * The divergence of a student's attention maps from the teacher's, KL(teacher || student), the mean
 * over the query rows; in nats.
 *
 * <p>Probabilities below 1e-8 count as 1e-8, as in the map loss.
 *
 * <p><i>Accuracy</i>: sums in double.
 *
 * <p>Source: Kim et al., EMNLP 2022; logged by the authors' training code.
 */
public final class MapDivergence {
  private static final double CLAMP = 1e-8;

  private MapDivergence() {}

  /**
   * Measures one example.
   *
   * @param student the student's maps
   * @param teacher the teacher's maps, as many and as large
   * @return for each head its mean; [heads]
   */
  public static double[] of(HeadMaps student, HeadMaps teacher) {
    HeadMaps.requireSameShape("MapDivergence.of", student, teacher);
    int n = student.tokens();
    double[] own = new double[n];
    double[] wanted = new double[n];
    double[] means = new double[student.heads()];
    for (int head = 0; head < means.length; head++) {
      double sum = 0;
      for (int query = 0; query < n; query++) {
        student.row(head, query, own);
        teacher.row(head, query, wanted);
        for (int key = 0; key < n; key++) {
          double t = Math.max(wanted[key], CLAMP);
          sum += t * Math.log(t / Math.max(own[key], CLAMP));
        }
      }
      means[head] = sum / n;
    }
    return means;
  }
}

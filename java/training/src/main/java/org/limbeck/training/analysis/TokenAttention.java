// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.Objects;

/**
 * How much attention a token gets in a layer: its probability as a key, the mean over query rows
 * and heads.
 *
 * <p><i>Accuracy</i>: sums in double.
 *
 * <p>Source: Kim et al., EMNLP 2022, Fig. 2, where the token is the last one, [SEP].
 */
public final class TokenAttention {
  private TokenAttention() {}

  /**
   * Measures one example.
   *
   * @param maps the maps of a layer
   * @param token the token, 0 to {@code maps.tokens() - 1}
   */
  public static double of(HeadMaps maps, int token) {
    int n = maps.tokens();
    Objects.checkIndex(token, n);
    double[] row = new double[n];
    double sum = 0;
    for (int head = 0; head < maps.heads(); head++) {
      for (int query = 0; query < n; query++) {
        maps.row(head, query, row);
        sum += row[token];
      }
    }
    return sum / ((double) maps.heads() * n);
  }
}

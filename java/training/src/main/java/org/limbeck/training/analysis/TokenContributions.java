// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * What each token of one example contributes to the self-attention of one layer of one network: how
 * much attention it gets, and how much of it arrives.
 *
 * <p>With v_hs the value vector of token s in head h, W_h head h's columns of the output weight and
 * f_hs = W_h v_hs (without bias), the contributions of s are means over heads h and queries q:
 *
 * <ul>
 *   <li>attention: mean over h and q of P_hqs (generation, SA-GEN);
 *   <li>transformed: mean over h of |f_hs|;
 *   <li>weighted: mean over q of |sum over h of P_hqs f_hs| (propagation, SA-PROP).
 * </ul>
 *
 * <p>The length of the weighted sum is had from the inner products of f_hs over the heads, p' G p
 * with G_hk = f_hs . f_ks, which takes D / heads times less work than the sum itself.
 *
 * <p><i>Accuracy</i>: double throughout; where the heads' vectors cancel, the error of a length is
 * up to 1e-8 of the longest vector, from the root of a difference. <i>Determinism</i>: one fixed
 * order of summation.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 4.2, Fig. 6; Kobayashi et al., "Attention is Not Only
 * a Weight", EMNLP 2020.
 *
 * @param attention the mean attention each token gets; [n]
 * @param transformed the mean length of its transformed vectors; [n]
 * @param weighted the mean length of what arrives of it at a query; [n]
 */
@SuppressWarnings("ArrayRecordComponent") // a bundle of results, compared by no one
public record TokenContributions(double[] attention, double[] transformed, double[] weighted) {

  /**
   * Measures one layer of one network.
   *
   * @param maps the attention maps of the example, n tokens
   * @param values the value vectors with their bias, as they meet the map (quantized in a student);
   *     F32 [n or more, heads * width], rows behind n are not read
   * @param outputWeight the weight of the output layer, latent or quantized; F32 [D, heads * width]
   * @throws IllegalArgumentException if a shape or type does not fit
   */
  public static TokenContributions of(HeadMaps maps, Matrix values, Matrix outputWeight) {
    int n = maps.tokens();
    int heads = maps.heads();
    require(
        values.type() == DType.F32 && values.rows() >= n && values.cols() % heads == 0,
        "values",
        values,
        "F32 of at least " + n + " rows, with columns for " + heads + " heads");
    require(
        outputWeight.type() == DType.F32 && outputWeight.cols() == values.cols(),
        "outputWeight",
        outputWeight,
        "F32 of " + values.cols() + " columns");
    double[][] weight = transposed(outputWeight);
    double[][][] p = new double[heads][n][n];
    for (int head = 0; head < heads; head++) {
      for (int query = 0; query < n; query++) {
        maps.row(head, query, p[head][query]);
      }
    }
    double[] attention = new double[n];
    double[] transformed = new double[n];
    double[] weighted = new double[n];
    double[] received = new double[heads];
    for (int token = 0; token < n; token++) {
      double[][] products = innerProducts(values, token, weight, heads);
      for (int head = 0; head < heads; head++) {
        transformed[token] += Math.sqrt(products[head][head]) / heads;
      }
      for (int query = 0; query < n; query++) {
        for (int head = 0; head < heads; head++) {
          received[head] = p[head][query][token];
          attention[token] += received[head] / heads / n;
        }
        weighted[token] += length(products, received) / n;
      }
    }
    return new TokenContributions(attention, transformed, weighted);
  }

  private static void require(boolean holds, String what, Matrix given, String expected) {
    if (!holds) {
      throw new IllegalArgumentException(
          "TokenContributions.of: " + what + ": given " + given + ", expected " + expected);
    }
  }

  /** Returns the weight as [heads * width][D], so that the inner loop below runs along memory. */
  private static double[][] transposed(Matrix outputWeight) {
    int inputs = Math.toIntExact(outputWeight.cols());
    int outputs = Math.toIntExact(outputWeight.rows());
    double[][] weight = new double[inputs][outputs];
    for (int out = 0; out < outputs; out++) {
      for (int in = 0; in < inputs; in++) {
        weight[in][out] = outputWeight.getFloat(out, in);
      }
    }
    return weight;
  }

  /** Returns the inner products of one token's transformed vectors, head against head. */
  private static double[][] innerProducts(Matrix values, int token, double[][] weight, int heads) {
    int width = weight.length / heads;
    int outputs = weight.length == 0 ? 0 : weight[0].length;
    double[][] transformed = new double[heads][outputs];
    for (int in = 0; in < weight.length; in++) {
      double value = values.getFloat(token, in);
      double[] f = transformed[in / width];
      double[] w = weight[in];
      for (int out = 0; out < outputs; out++) {
        f[out] += value * w[out];
      }
    }
    double[][] products = new double[heads][heads];
    for (int h = 0; h < heads; h++) {
      for (int k = 0; k <= h; k++) {
        double sum = 0;
        for (int out = 0; out < outputs; out++) {
          sum += transformed[h][out] * transformed[k][out];
        }
        products[h][k] = sum;
        products[k][h] = sum;
      }
    }
    return products;
  }

  private static double length(double[][] products, double[] p) {
    double square = 0;
    for (int h = 0; h < p.length; h++) {
      double sum = 0;
      for (int k = 0; k < p.length; k++) {
        sum += products[h][k] * p[k];
      }
      square += p[h] * sum;
    }
    return Math.sqrt(Math.max(0, square)); // rounding may leave a hair below 0 where vectors cancel
  }
}

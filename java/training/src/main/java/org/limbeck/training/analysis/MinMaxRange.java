// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import java.util.Arrays;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * The dynamic range of a layer's output, token by token: the smallest and the largest of the D
 * channels.
 *
 * <p><i>Accuracy</i>: exact. NaN in a row makes both its bounds NaN.
 *
 * <p>Source: Kim et al., EMNLP 2022, section 4.1, Fig. 5, where the rows are the attention output
 * after layer normalisation.
 *
 * @param minimum the smallest channel of each token; [n]
 * @param maximum the largest channel of each token; [n]
 */
@SuppressWarnings("ArrayRecordComponent") // a bundle of results, compared by no one
public record MinMaxRange(float[] minimum, float[] maximum) {
  /**
   * Measures the states of one example.
   *
   * @param states the states of the tokens; F32 [n or more, D] with D of at least 1
   * @param tokens the number n of real tokens; rows behind are not read
   * @throws IllegalArgumentException if the type or shape does not fit
   */
  public static MinMaxRange of(Matrix states, int tokens) {
    if (states.type() != DType.F32 || states.cols() < 1 || tokens < 0 || tokens > states.rows()) {
      throw new IllegalArgumentException(
          "MinMaxRange.of: states: given "
              + states
              + " for "
              + tokens
              + " tokens, expected F32 of at least as many rows and one column");
    }
    float[] minimum = new float[tokens];
    float[] maximum = new float[tokens];
    Arrays.fill(minimum, Float.POSITIVE_INFINITY);
    Arrays.fill(maximum, Float.NEGATIVE_INFINITY);
    for (int token = 0; token < tokens; token++) {
      for (long channel = 0; channel < states.cols(); channel++) {
        float value = states.getFloat(token, channel);
        minimum[token] = Math.min(minimum[token], value);
        maximum[token] = Math.max(maximum[token], value);
      }
    }
    return new MinMaxRange(minimum, maximum);
  }
}

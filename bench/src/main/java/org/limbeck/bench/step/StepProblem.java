// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.distill.LossConfiguration;

/**
 * What a step computes on, in the host's arrays, so that each implementation makes its own tensors
 * of it. Token types are 0, positions count from 0 in each sequence.
 *
 * @param config the sizes of both networks
 * @param labels the number of classes, at least 2
 * @param losses what is compared
 * @param learningRate that of the optimizer, {@code bert_adam} with its defaults, at every step
 * @param length the padded length S
 * @param tokens word piece numbers, batch * S
 * @param lengths real lengths, one a sequence
 * @param parameters the values that both networks start from, by Hugging Face's names
 */
public record StepProblem(
    BertConfig config,
    int labels,
    LossConfiguration losses,
    double learningRate,
    int length,
    long[] tokens,
    int[] lengths,
    Map<String, Values> parameters) {
  /** Checks that all parts are there. */
  public StepProblem {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(losses, "losses");
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(lengths, "lengths");
    parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
  }

  /**
   * The values of a parameter.
   *
   * @param elements row after row
   * @param rows its rows; 1 for a vector
   * @param cols its columns
   */
  public record Values(float[] elements, long rows, long cols) {}

  /** Returns the number of sequences. */
  public int batch() {
    return lengths.length;
  }

  /** Returns the position of each token. */
  public long[] positions() {
    long[] positions = new long[tokens.length];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = i % length;
    }
    return positions;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.distill.LossConfiguration;

/**
 * A step of QAT-KD: a teacher in full precision, a student with ternary weights, the losses between
 * them. Token types are 0, positions count from 0 in each sequence.
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
public record QatKdProblem(
    BertConfig config,
    int labels,
    LossConfiguration losses,
    double learningRate,
    int length,
    long[] tokens,
    int[] lengths,
    Map<String, StepProblem.Values> parameters)
    implements StepProblem {
  /** Checks that all parts are there. */
  public QatKdProblem {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(losses, "losses");
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(lengths, "lengths");
    parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
  }

  /** Returns the number of sequences. */
  public int batch() {
    return lengths.length;
  }

  /**
   * Returns the additions and multiplications of the products of a step: of linear layers and of
   * attention, forward of both networks, and backward, by both factors, of the student's.
   *
   * @param config the sizes of both networks
   * @param batch the number of sequences
   * @param length their length
   */
  public static double operations(BertConfig config, int batch, int length) {
    double rows = (double) batch * length;
    double linear = 4.0 * config.hidden() + 2.0 * config.intermediate();
    double perLayer = 2 * rows * config.hidden() * (linear + 2 * length);
    return 4 * config.layers() * perLayer;
  }

  /** Returns the position of each token. */
  public long[] positions() {
    return positions(tokens.length, length);
  }

  /** Returns the positions of so many tokens in sequences of one length. */
  static long[] positions(int count, int length) {
    long[] positions = new long[count];
    for (int i = 0; i < count; i++) {
      positions[i] = i % length;
    }
    return positions;
  }
}

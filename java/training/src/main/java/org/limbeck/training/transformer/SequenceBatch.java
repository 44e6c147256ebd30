// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.List;
import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;

/**
 * Sequences of tokens, padded at their right to one length.
 *
 * @param batch the number of sequences B
 * @param length the padded length S
 * @param tokens the tokens, I64 [1, B * S]
 * @param positions rows of the position table, I64 [1, B * S]
 * @param lengths real lengths, I32 [1, B]
 * @param realLengths the same on the host
 * @param weights 1 at real positions and 0 at padding, F32 [1, B * S]
 * @param last 1 at the last real position of each sequence and 0 elsewhere, F32 [1, B * S]
 * @param real the number of real positions
 */
public record SequenceBatch(
    int batch,
    int length,
    Matrix tokens,
    Matrix positions,
    Matrix lengths,
    List<Integer> realLengths,
    Matrix weights,
    Matrix last,
    long real) {
  /** Checks that all parts are there. */
  public SequenceBatch {
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(positions, "positions");
    Objects.requireNonNull(lengths, "lengths");
    realLengths = List.copyOf(realLengths);
    Objects.requireNonNull(weights, "weights");
    Objects.requireNonNull(last, "last");
  }

  /** Returns the length without padding of a sequence. */
  int realLength(int sequence) {
    return realLengths.get(sequence);
  }

  /** Returns the number of positions, padding included. */
  public long rows() {
    return (long) batch * length;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;

/**
 * The inputs of an encoder for one batch of sequences, padded to one length.
 *
 * @param batch the number of sequences B
 * @param length the padded length S
 * @param tokens word piece numbers, I64 [1, B * S]
 * @param types token types (segments), I64 [1, B * S]
 * @param positions positions within the sequence, I64 [1, B * S]
 * @param lengths real lengths, I32 [1, B]
 */
public record TokenBatch(
    int batch, int length, Matrix tokens, Matrix types, Matrix positions, Matrix lengths) {
  /** Checks that all parts are there. */
  public TokenBatch {
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(types, "types");
    Objects.requireNonNull(positions, "positions");
    Objects.requireNonNull(lengths, "lengths");
  }

  /** Returns the number of positions, padding included. */
  public long rows() {
    return (long) batch * length;
  }

  /**
   * Returns the rows of the first position of each sequence, without a copy.
   *
   * @param x [B * S, D]
   * @return a view of shape [B, D]
   */
  public Matrix firstPositions(Matrix x) {
    return new Matrix(
        x.buffer(), x.type(), x.offsetBytes(), batch, x.cols(), length * x.rowStride());
  }
}

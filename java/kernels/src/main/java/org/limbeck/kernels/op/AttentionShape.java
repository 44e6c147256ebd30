// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * The sizes of an attention layer. Scores and maps are matrices of shape [batch * heads * queries,
 * keys], in that order of nesting.
 *
 * @param batch the number of examples, at least 1
 * @param heads the number of heads, at least 1
 * @param queries the padded number of query positions, at least 1
 * @param keys the padded number of key positions, at least 1
 */
public record AttentionShape(long batch, long heads, long queries, long keys) {
  /** Checks the sizes. */
  public AttentionShape {
    if (batch < 1 || heads < 1 || queries < 1 || keys < 1) {
      throw new InvalidArgumentException(
          "attention",
          "shape",
          "[" + batch + ", " + heads + ", " + queries + ", " + keys + "]",
          "sizes of at least 1");
    }
  }

  /** Returns the number of rows of scores and maps. */
  public long rows() {
    return batch * heads * queries;
  }

  /** Checks the masks that attention operations share. */
  void checkMasks(ArgumentChecks checks, Matrix lengths, Matrix mask) {
    checks.optionalVector("lengths", lengths, DType.I32, batch);
    checks.optional("mask", mask, DType.U8, batch * queries, keys);
    if (lengths == null || !checks.onHost()) {
      return;
    }
    for (long b = 0; b < batch; b++) {
      int length = lengths.getInt(0, b);
      if (length < 0 || length > keys) {
        throw checks.fail(
            "lengths", length + " at position " + b, "a length of at least 0 and at most " + keys);
      }
    }
  }
}

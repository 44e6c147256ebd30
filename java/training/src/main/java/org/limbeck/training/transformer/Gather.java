// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.training.nn.Compute;

/** Copies rows by number. */
final class Gather {
  private Gather() {}

  /**
   * Copies rows.
   *
   * @param from F32 [rows, cols]
   * @param ids which rows, I64 [1, n]
   * @param to F32 [n, cols], written; separate memory
   */
  static void rows(Compute compute, Matrix from, Matrix ids, Matrix to) {
    compute
        .operation(Embedding.FORWARD, Embedding.Spec.DEFAULT)
        .run(new Embedding.Forward(from, ids, to));
  }
}

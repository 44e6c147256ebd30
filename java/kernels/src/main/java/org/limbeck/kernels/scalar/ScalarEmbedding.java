// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * embedding, reference. y_i = scale table[ids_i]; gradTable[ids_i] += scale gradY_i.
 *
 * <p>table, gradTable f32 [vocab, width], ids i64 [1, n], y, gradY f32 [n, width], any row stride;
 * nothing may alias. The row of the padding index gets no gradient. One rounding a product and one
 * a sum, both float32, in ascending order of i: the order is part of the contract. One thread.
 * Reads and writes n width floats; n width flops forward, twice as many backward.
 */
final class ScalarEmbedding {
  private final Embedding.Spec spec;

  ScalarEmbedding(Embedding.Spec spec) {
    this.spec = spec;
  }

  void forward(Embedding.Forward a, WorkerPool pool) {
    for (long i = 0; i < a.ids().cols(); i++) {
      long row = a.ids().getLong(0, i);
      for (long c = 0; c < a.table().cols(); c++) {
        a.y().setFloat(i, c, spec.scale() * a.table().getFloat(row, c));
      }
    }
  }

  void backward(Embedding.Backward a, WorkerPool pool) {
    Matrix gradTable = a.gradTable();
    for (long i = 0; i < a.ids().cols(); i++) {
      long row = a.ids().getLong(0, i);
      if (row == spec.paddingIndex()) {
        continue;
      }
      for (long c = 0; c < gradTable.cols(); c++) {
        float term = spec.scale() * a.gradY().getFloat(i, c);
        gradTable.setFloat(row, c, gradTable.getFloat(row, c) + term);
      }
    }
  }
}

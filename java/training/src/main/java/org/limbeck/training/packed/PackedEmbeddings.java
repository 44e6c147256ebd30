// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.packed;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.TokenBatch;

/**
 * The embedding block with a packed word table, from which the rows of the batch's words are
 * unpacked: X_0 = norm(word + position + token type).
 *
 * @param compute the operations
 * @param words the table, [vocabulary, D]
 * @param positions F32 [positions, D]
 * @param types F32 [types, D]
 * @param norm the normalisation
 */
record PackedEmbeddings(
    Compute compute, PackedWeight words, Matrix positions, Matrix types, Normalisation norm) {
  /** Computes X_0, F32 [B * S, D], into {@code x}. */
  void forward(TokenBatch batch, Matrix x, Workspace w) {
    for (long i = 0; i < batch.rows(); i++) {
      long word = batch.tokens().getLong(0, i);
      if (word < 0 || word >= words.codes().rows()) {
        throw new IllegalArgumentException(
            "PackedClassifier: tokens: given "
                + word
                + " at position "
                + i
                + ", expected an index of at least 0 and below "
                + words.codes().rows());
      }
      float scale = words.scale().getFloat(0, words.scale().cols() == 1 ? 0 : word);
      words.codes().unpackRow(word, scale, x.rows(i, i + 1));
    }
    Matrix part = w.quantized.view(x.rows(), x.cols());
    add(positions, batch.positions(), part, x);
    add(types, batch.types(), part, x);
    norm.forward(x, x, w.norm);
  }

  private void add(Matrix table, Matrix ids, Matrix part, Matrix sum) {
    compute
        .operation(Embedding.FORWARD, Embedding.Spec.DEFAULT)
        .run(new Embedding.Forward(table, ids, part));
    compute.add(part, sum);
  }
}

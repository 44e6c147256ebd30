// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.DropoutLayer;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;

/**
 * The inputs of a stack: X_0 = dropout(sqrt(d) * table[token] + positions[position]). Padding gets
 * no gradient.
 */
final class TokenEmbedding {
  private final Compute compute;
  private final Parameter table;
  private final Matrix positions;
  private final Embedding.Spec words;
  private final DropoutLayer dropout;

  TokenEmbedding(Compute compute, Parameter table, int dropoutSite) {
    this.compute = compute;
    this.table = table;
    int width = Math.toIntExact(table.value().cols());
    positions = SinusoidalPositions.table(compute.memory(), width);
    words = new Embedding.Spec((float) Math.sqrt(width), SpecialTokens.PAD);
    dropout = new DropoutLayer(compute, dropoutSite);
  }

  /** Returns the table, F32 [vocabulary, d]. */
  Parameter table() {
    return table;
  }

  /**
   * Computes X_0.
   *
   * @param tokens I64 [1, n]
   * @param places rows of the position table, I64 [1, n]
   * @param part scratch
   * @param x F32 [n, d], written
   */
  void forward(Matrix tokens, Matrix places, Slot part, Matrix x, Pass pass) {
    lookUp(words, table.value(), tokens, x);
    Matrix place = part.view(x.rows(), x.cols());
    lookUp(Embedding.Spec.DEFAULT, positions, places, place);
    compute.add(place, x);
    if (pass.dropout() > 0) {
      dropout.forward(x, null, x, pass);
    }
  }

  private void lookUp(Embedding.Spec spec, Matrix from, Matrix ids, Matrix y) {
    compute.operation(Embedding.FORWARD, spec).run(new Embedding.Forward(from, ids, y));
  }

  /**
   * Adds the gradient of the table.
   *
   * @param gradient by X_0, F32 [n, d]; overwritten
   */
  void backward(Matrix tokens, Matrix gradient, Pass pass) {
    if (pass.dropout() > 0) {
      dropout.backward(gradient, gradient, pass);
    }
    compute
        .operation(Embedding.BACKWARD, words)
        .run(new Embedding.Backward(tokens, gradient, table.gradient()));
  }
}

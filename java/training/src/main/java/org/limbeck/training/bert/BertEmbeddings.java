// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.DropoutLayer;
import org.limbeck.training.nn.LayerFactory;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.nn.Weight;

/**
 * The embedding block: X_0 = dropout(norm(word + position + token type)). The word of the padding
 * index gets no gradient.
 */
final class BertEmbeddings {
  private static final long PADDING_INDEX = 0;
  private static final int DROPOUT_SITE = 0;
  private static final Embedding.Spec WORDS = new Embedding.Spec(1, PADDING_INDEX);

  private final Compute compute;
  private final BertConfig config;
  private final Weight words;
  private final Parameter positions;
  private final Parameter types;
  private final Normalisation norm;
  private final DropoutLayer dropout;

  BertEmbeddings(Compute compute, BertConfig config, Quantization quantization, ParameterSet set) {
    this.compute = compute;
    this.config = config;
    int hidden = config.hidden();
    words =
        new Weight(
            compute,
            set.add("embeddings.word_embeddings.weight", config.vocabulary(), hidden),
            quantization.wordEmbedding());
    positions = set.add("embeddings.position_embeddings.weight", config.positions(), hidden);
    types = set.add("embeddings.token_type_embeddings.weight", config.types(), hidden);
    norm =
        new LayerFactory(compute, set)
            .normalisation("embeddings.LayerNorm", hidden, config.epsilon());
    dropout = new DropoutLayer(compute, DROPOUT_SITE);
  }

  /** Returns the word embedding table. */
  Weight words() {
    return words;
  }

  /** What a forward leaves for its backward. */
  static final class Saved {
    private final Slot sum;
    private final Slot part;
    private final Normalisation.Saved norm;
    private final Slot output;

    Saved(Compute compute, BertConfig config, long rows) {
      sum = new Slot(compute.memory(), rows * config.hidden());
      part = new Slot(compute.memory(), rows * config.hidden());
      norm = new Normalisation.Saved(compute, rows);
      output = new Slot(compute.memory(), rows * config.hidden());
    }

    /** Returns X_0, F32 [B * S, D]. */
    Matrix output() {
      return output.view();
    }
  }

  void forward(TokenBatch batch, Saved saved, Pass pass) {
    Matrix sum = saved.sum.view(batch.rows(), config.hidden());
    Matrix part = saved.part.view(batch.rows(), config.hidden());
    lookUp(WORDS, words.effective(), batch.tokens(), sum);
    lookUp(Embedding.Spec.DEFAULT, positions.value(), batch.positions(), part);
    compute.add(part, sum);
    lookUp(Embedding.Spec.DEFAULT, types.value(), batch.types(), part);
    compute.add(part, sum);
    Matrix x = saved.output.view(batch.rows(), config.hidden());
    norm.forward(sum, x, saved.norm);
    if (pass.dropout() > 0) {
      dropout.forward(x, null, x, pass);
    }
  }

  private void lookUp(Embedding.Spec spec, Matrix table, Matrix ids, Matrix y) {
    compute.operation(Embedding.FORWARD, spec).run(new Embedding.Forward(table, ids, y));
  }

  /**
   * Adds the gradients of the tables.
   *
   * @param gradient by X_0, F32 [B * S, D]; overwritten
   */
  void backward(TokenBatch batch, Saved saved, Matrix gradient, Pass pass) {
    if (pass.dropout() > 0) {
      dropout.backward(gradient, gradient, pass);
    }
    norm.backward(saved.sum.view(), saved.norm, gradient);
    scatter(WORDS, batch.tokens(), gradient, words.latent());
    scatter(Embedding.Spec.DEFAULT, batch.positions(), gradient, positions);
    scatter(Embedding.Spec.DEFAULT, batch.types(), gradient, types);
  }

  private void scatter(Embedding.Spec spec, Matrix ids, Matrix gradient, Parameter table) {
    compute
        .operation(Embedding.BACKWARD, spec)
        .run(new Embedding.Backward(ids, gradient, table.gradient()));
  }
}

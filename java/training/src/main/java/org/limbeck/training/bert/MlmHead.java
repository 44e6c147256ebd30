// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.LayerFactory;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Slot;
import org.limbeck.training.nn.Weight;

/**
 * The masked language model on top of an encoder, to predict words: logits = norm(gelu(linear(X)))
 * E^T + b, where E is the encoder's own table of word embeddings. It has no backward.
 *
 * <p><b>Accuracy.</b> That of the operations: products in float32. <b>Determinism.</b> The same
 * bits with any number of threads.
 *
 * <p>Source: Devlin et al., arXiv 1810.04805, section 3.1.
 */
public final class MlmHead {
  private static final String PREFIX = "cls.predictions.";
  private static final String WORDS = "embeddings.word_embeddings.weight";
  private static final Gelu.Spec GELU = new Gelu.Spec(Gelu.Form.ERF);

  private final Compute compute;
  private final BertConfig config;
  private final Linear transform;
  private final Normalisation norm;
  private final Linear decoder;
  private final Slot transformed;
  private final Normalisation.Saved saved;
  private final int maxRows;

  /**
   * Takes the head of a pretrained model.
   *
   * @param compute operations and memory
   * @param model the model, with the tensors {@code cls.predictions.*}
   * @param encoder the encoder whose word embeddings, in full precision, decode
   * @param maxRows the largest number of positions in a call, at least 1
   * @throws IllegalArgumentException if the model lacks a tensor of the head, or a shape differs
   */
  public MlmHead(Compute compute, PretrainedModel model, BertClassifier encoder, int maxRows) {
    this.compute = Objects.requireNonNull(compute, "compute");
    config = encoder.config();
    if (maxRows < 1) {
      throw new IllegalArgumentException(
          "MlmHead: maxRows: given " + maxRows + ", expected at least 1");
    }
    this.maxRows = maxRows;
    ParameterSet set = new ParameterSet(compute.memory());
    LayerFactory make = new LayerFactory(compute, set);
    int hidden = config.hidden();
    transform = make.linear(PREFIX + "transform.dense", hidden, hidden, null);
    norm = make.normalisation(PREFIX + "transform.LayerNorm", hidden, config.epsilon());
    Parameter words = encoder.parameters().byName().get(WORDS);
    Parameter bias = set.add(PREFIX + "bias", 1, config.vocabulary());
    decoder = new Linear(compute, new Weight(compute, words, null), bias);
    for (Parameter parameter : set.all()) {
      model.copyInto(parameter, compute.memory());
    }
    transformed = new Slot(compute.memory(), (long) maxRows * hidden);
    saved = new Normalisation.Saved(compute, maxRows);
  }

  /**
   * Computes the logits of every word piece.
   *
   * @param hidden rows of the encoder's output X_L, such as those of masked positions, F32 [rows,
   *     D]
   * @param logits F32 [rows, vocabulary], written
   * @throws IllegalArgumentException if there are more rows than the head was made for
   */
  public void forward(Matrix hidden, Matrix logits) {
    if (hidden.rows() > maxRows) {
      throw new IllegalArgumentException(
          "MlmHead: hidden: given " + hidden.rows() + " rows, expected at most " + maxRows);
    }
    Matrix x = transformed.view(hidden.rows(), config.hidden());
    transform.forward(hidden, x);
    compute.operation(Gelu.FORWARD, GELU).run(new Elementwise.Forward(x, x));
    norm.forward(x, x, saved);
    decoder.forward(x, logits);
  }
}

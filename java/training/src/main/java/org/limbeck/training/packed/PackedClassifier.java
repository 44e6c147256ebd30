// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.packed;

import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.kernels.op.Tanh;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.nn.Weight;

/**
 * A BERT classifier that predicts with packed ternary weights, and needs neither full-precision
 * weights nor gradients. Products with packed weights are {@code gemm_ternary}; the classifier,
 * positions and token types, biases, attention and normalisation are in float32, as in training.
 *
 * <p>The inputs of products are quantized as in training: to 8 bits by tensor with its clip. With
 * {@link Activations#F32} that is all, and the network is that of training. With {@link
 * Activations#I8_ROW} the product adds up int8 codes and so puts each row on a grid of its own,
 * with steps of a 127th of the row's largest value. A row that holds the tensor's largest value, or
 * was clipped, keeps its values; in others each moves by at most half a step, which is never more
 * than half a step of training.
 *
 * <p><b>Accuracy.</b> Word embeddings are those of the training network bit for bit; sums differ
 * from its sums in the order of float32 roundings, which may take a value to the next step of a
 * quantizer. <b>Determinism.</b> The same bits with any number of threads. Logits of a sequence
 * depend on the other sequences and the padding of its batch through the quantizers by tensor, as
 * in training.
 *
 * <p>Not thread-safe. Source: Zhang et al., arXiv 2009.12812; Kim et al., EMNLP 2022.
 */
public final class PackedClassifier {
  private final Compute compute;
  private final PackedModel model;
  private final GemmTernary.Spec spec;
  private final PackedEmbeddings embeddings;
  private final PackedLayer[] layers;
  private final PackedLinear pooler;
  private final Linear classifier;
  private final int maxLength;
  private final int maxBatch;
  private final Workspace workspace;

  /**
   * Makes a network over a model's tensors, without a copy of them.
   *
   * @param compute operations of the host, and memory for activations
   * @param model the model; its tensors stay open as long as this network is used
   * @param activations how activations enter the sums
   * @param maxBatch the largest batch, at least 1
   * @param maxLength the greatest padded length, at most the number of positions
   * @throws IllegalArgumentException if the operations are of another device, a size is out of
   *     range, or the model lacks a tensor
   */
  public PackedClassifier(
      Compute compute, PackedModel model, Activations activations, int maxBatch, int maxLength) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.model = Objects.requireNonNull(model, "model");
    this.spec = new GemmTernary.Spec(activations);
    BertConfig config = model.config();
    if (!compute.memory().device().isHost()) {
      throw bad("compute", "operations of " + compute.memory().device(), "those of the host");
    }
    if (maxBatch < 1) {
      throw bad("maxBatch", maxBatch, "at least 1");
    }
    if (maxLength < 1 || maxLength > config.positions()) {
      throw bad("maxLength", maxLength, "1 to the " + config.positions() + " positions");
    }
    this.maxBatch = maxBatch;
    this.maxLength = maxLength;
    embeddings =
        new PackedEmbeddings(
            compute,
            ternary("embeddings.word_embeddings.weight"),
            full("embeddings.position_embeddings.weight"),
            full("embeddings.token_type_embeddings.weight"),
            normalisation("embeddings.LayerNorm"));
    layers = new PackedLayer[config.layers()];
    for (int l = 0; l < layers.length; l++) {
      layers[l] = layer("encoder.layer." + l + ".");
    }
    pooler = linear("pooler.dense");
    classifier =
        new Linear(
            compute,
            new Weight(compute, fixed("classifier.weight"), null),
            fixed("classifier.bias"));
    workspace = new Workspace(compute, config, model.labels(), maxBatch, maxLength);
  }

  private static IllegalArgumentException bad(String what, Object given, String expected) {
    return new IllegalArgumentException(
        "PackedClassifier: " + what + ": given " + given + ", expected " + expected);
  }

  private PackedLayer layer(String prefix) {
    return new PackedLayer(
        compute,
        model.config().heads(),
        model.activation(),
        linear(prefix + "attention.self.query"),
        linear(prefix + "attention.self.key"),
        linear(prefix + "attention.self.value"),
        linear(prefix + "attention.output.dense"),
        normalisation(prefix + "attention.output.LayerNorm"),
        linear(prefix + "intermediate.dense"),
        linear(prefix + "output.dense"),
        normalisation(prefix + "output.LayerNorm"));
  }

  private PackedLinear linear(String name) {
    return new PackedLinear(compute, spec, ternary(name + ".weight"), full(name + ".bias"));
  }

  private Normalisation normalisation(String name) {
    return new Normalisation(
        compute, model.config().epsilon(), fixed(name + ".weight"), fixed(name + ".bias"));
  }

  private Parameter fixed(String name) {
    return Parameter.fixed(name, full(name));
  }

  private PackedWeight ternary(String name) {
    return present(name, model.ternary().get(name));
  }

  private Matrix full(String name) {
    return present(name, model.full().get(name));
  }

  private static <T> T present(String name, T tensor) {
    if (tensor == null) {
      throw bad("model", "none of name " + name, "a tensor of that name");
    }
    return tensor;
  }

  /** Returns what the network is made from. */
  public PackedModel model() {
    return model;
  }

  /** Returns the operation of the packed products, for reports of what runs it. */
  public GemmTernary.Spec spec() {
    return spec;
  }

  /**
   * Computes the logits of a batch.
   *
   * @param batch word pieces on the host, at most the largest batch and length
   * @return Z, F32 [B, C], valid until the next call
   * @throws IllegalArgumentException if the batch is larger, or a word piece is unknown
   */
  public Matrix forward(TokenBatch batch) {
    if (batch.batch() > maxBatch || batch.length() > maxLength) {
      throw bad(
          "batch",
          batch.batch() + " sequences of length " + batch.length(),
          "at most " + maxBatch + " of length " + maxLength);
    }
    int hidden = model.config().hidden();
    Matrix x = workspace.stream.view(batch.rows(), hidden);
    embeddings.forward(batch, x, workspace);
    for (PackedLayer layer : layers) {
      layer.forward(x, batch, workspace);
    }
    Matrix first = workspace.quantized.view(batch.batch(), hidden);
    compute
        .operation(FakeQuant.FORWARD, model.activation())
        .run(FakeQuant.Forward.of(batch.firstPositions(x), first));
    Matrix pooled = workspace.pooled.view(batch.batch(), hidden);
    pooler.forward(first, pooled);
    compute.operation(Tanh.FORWARD, new Tanh.Spec()).run(new Elementwise.Forward(pooled, pooled));
    Matrix logits = workspace.logits.view(batch.batch(), model.labels());
    classifier.forward(pooled, logits);
    return logits;
  }
}

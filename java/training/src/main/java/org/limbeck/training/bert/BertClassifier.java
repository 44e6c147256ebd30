// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.random.NormalVariates;
import org.limbeck.training.nn.ActivationQuantizer;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.nn.Weight;

/**
 * A BERT encoder with pooler and classifier (one output for regression), in full precision or
 * quantized; forward and backward are explicit, and run layer by layer so that two networks can be
 * compared in lock-step.
 *
 * <p>A forward is {@link #embed}, {@link #layer} for each layer in order, {@link #head}; or {@link
 * #forward} for all of them. Call {@link #refreshWeights} after parameters changed. The backward
 * adds to the gradients of {@link #parameters}.
 *
 * <p>Source: Devlin et al., arXiv 1810.04805; quantized: Zhang et al., arXiv 2009.12812.
 */
public final class BertClassifier {
  /** The standard deviation of new weights in BERT. */
  private static final double INITIAL_DEVIATION = 0.02;

  private final Compute compute;
  private final BertConfig config;
  private final int labels;
  private final Quantization quantization;
  private final ParameterSet parameters;
  private final BertEmbeddings embeddings;
  private final EncoderLayer[] layers;
  private final ClassificationHead head;
  private final List<Weight> weights = new ArrayList<>();
  private final List<ActivationQuantizer> quantizers = new ArrayList<>();

  /**
   * Makes a network of zeros.
   *
   * @param compute operations and memory
   * @param config the sizes
   * @param labels the number of outputs C: classes, or 1 for regression
   * @param quantization what is quantized; {@link Quantization#NONE} for full precision
   */
  public BertClassifier(Compute compute, BertConfig config, int labels, Quantization quantization) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.config = Objects.requireNonNull(config, "config");
    this.quantization = Objects.requireNonNull(quantization, "quantization");
    if (labels < 1) {
      throw new IllegalArgumentException(
          "BertClassifier: labels: given " + labels + ", expected at least 1");
    }
    this.labels = labels;
    parameters = new ParameterSet(compute.memory());
    embeddings = new BertEmbeddings(compute, config, quantization, parameters);
    weights.add(embeddings.words());
    layers = new EncoderLayer[config.layers()];
    for (int l = 0; l < layers.length; l++) {
      layers[l] = new EncoderLayer(compute, config, quantization, parameters, l);
      quantizers.add(layers[l].quantizer());
      for (Linear linear : layers[l].linears()) {
        weights.add(linear.weight());
      }
    }
    head = new ClassificationHead(compute, config, labels, quantization, parameters);
    weights.add(head.pooler().weight());
    quantizers.add(head.quantizer());
  }

  /**
   * Takes the values of a pretrained encoder. A pooler or a classifier that it lacks gets normal
   * weights of deviation 0.02 and biases of 0.
   *
   * @param model the encoder
   * @param seed the seed of the new weights
   * @throws IllegalArgumentException if another tensor is missing, or a shape differs
   */
  public void load(PretrainedModel model, long seed) {
    long stream = 0;
    for (Parameter parameter : parameters.all()) {
      if (model.tensors().containsKey(parameter.name()) || !isNew(parameter.name())) {
        model.copyInto(parameter, compute.memory());
      } else if (parameter.name().endsWith(".weight")) {
        long own = stream++;
        Tensors.upload(
            compute.memory(),
            parameter.value(),
            i -> (float) (INITIAL_DEVIATION * NormalVariates.at(seed, own, i)));
      } else {
        compute.memory().zero(parameter.value());
      }
    }
    refreshWeights();
  }

  private static boolean isNew(String name) {
    return name.startsWith("pooler.") || name.startsWith("classifier.");
  }

  /**
   * Takes the values of another network on the same device, such as a student's from its teacher.
   *
   * @param other a network of the same sizes
   */
  public void copyFrom(BertClassifier other) {
    parameters.copyValuesFrom(other.parameters);
    refreshWeights();
  }

  /** Returns the sizes. */
  public BertConfig config() {
    return config;
  }

  /** Returns the number of outputs C. */
  public int labels() {
    return labels;
  }

  /** Returns what is quantized. */
  public Quantization quantization() {
    return quantization;
  }

  /** Returns the parameters, by Hugging Face's names. */
  public ParameterSet parameters() {
    return parameters;
  }

  /** Returns the weights that may be quantized: word embeddings, linear layers, pooler. */
  public List<Weight> weights() {
    return List.copyOf(weights);
  }

  /**
   * Returns the weight of the linear layer from the context to O, for analyses.
   *
   * @param layer the layer l
   */
  public Weight selfOutputWeight(int layer) {
    return layers[layer].selfOutput().weight();
  }

  /**
   * Allocates the tensors of a pass.
   *
   * @param where the memory they live in, on this network's device
   * @param maxBatch the largest batch
   * @param maxLength the greatest padded length, at most the number of positions
   * @param backward whether a backward follows; without, all layers share memory
   */
  public Activations newActivations(Compute where, int maxBatch, int maxLength, boolean backward) {
    if (maxLength > config.positions()) {
      throw new IllegalArgumentException(
          "BertClassifier: length: given "
              + maxLength
              + ", expected at most the "
              + config.positions()
              + " positions of the encoder");
    }
    return new Activations(
        where, config, labels, quantization.isActive(), maxBatch, maxLength, backward);
  }

  /** Quantizes the weights anew from the parameters. */
  public void refreshWeights() {
    weights.forEach(Weight::refresh);
  }

  /**
   * Freezes all quantizers for an analysis of the straight-through surrogate: those of weights at
   * the parameters as they are, those of activations at what the next pass computes. Every pass
   * until {@link #thaw} takes the same batch and activations, and no dropout; parameters may move,
   * each time followed by {@link #refreshWeights}.
   *
   * @param memory where what is kept lives, on this network's device; open until {@link #thaw}
   */
  public void freeze(Memory memory) {
    weights.forEach(weight -> weight.freeze(memory));
    quantizers.forEach(quantizer -> quantizer.freeze(memory));
  }

  /** Ends what {@link #freeze} began, and quantizes the weights anew from the parameters. */
  public void thaw() {
    weights.forEach(Weight::thaw);
    quantizers.forEach(ActivationQuantizer::thaw);
    refreshWeights();
  }

  /** Runs a whole forward. */
  public void forward(TokenBatch batch, Activations a, Pass pass) {
    embed(batch, a, pass);
    for (int l = 0; l < layers.length; l++) {
      layer(l, a);
    }
    head(a);
  }

  /** Starts a pass: computes X_0. */
  public void embed(TokenBatch batch, Activations a, Pass pass) {
    a.begin(batch, pass);
    embeddings.forward(batch, a.embeddings, pass);
  }

  /**
   * Computes X_(l + 1) and the tensors on the way.
   *
   * @param l the layer, from 0
   * @param a the pass in progress
   */
  public void layer(int l, Activations a) {
    layers[l].forward(a.tensor(Tap.HIDDEN, l), a.layers[l], a.batch, a.pass);
  }

  /** Ends a forward: computes the logits. */
  public void head(Activations a) {
    head.forward(a.tensor(Tap.HIDDEN, layers.length), a.batch, a.head, a.pass);
  }

  /**
   * Runs the backward of the pass in progress, from the gradient by the logits and those that
   * losses injected, and adds to the gradients of the parameters.
   *
   * @param a the pass, made with a backward
   */
  public void backward(Activations a) {
    Matrix x = a.tensor(Tap.HIDDEN, layers.length);
    Matrix gradient = a.scratch.hidden.view(x.rows(), x.cols());
    head.backward(x, gradient, a.batch, a.head, a.pass);
    addInjected(a, layers.length, gradient);
    for (int l = layers.length - 1; l >= 0; l--) {
      layers[l].backward(
          a.tensor(Tap.HIDDEN, l), gradient, a.layers[l], a.scratch, a.batch, a.pass);
      addInjected(a, l, gradient);
    }
    embeddings.backward(a.batch, a.embeddings, gradient, a.pass);
    weights.forEach(Weight::passStraightThrough);
  }

  private void addInjected(Activations a, int index, Matrix gradient) {
    Matrix injected = a.injectedHidden(index);
    if (injected != null) {
      compute.add(injected, gradient);
    }
  }
}

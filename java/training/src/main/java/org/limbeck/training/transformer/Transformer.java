// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.LayerFactory;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;

/**
 * An encoder-decoder Transformer for translation, with explicit forward and backward: post-norm,
 * ReLU, sinusoidal positions. A stored block may be executed several times; its parameters are then
 * the same objects, and their gradients add up over the uses.
 *
 * <p>A forward ends in the decoder's output; {@link #logits} turns rows of it into logits, so that
 * losses can go over a long vocabulary some rows at a time. The backward adds to the gradients of
 * {@link #parameters}.
 *
 * <p><i>Determinism</i>: the same bits with any number of threads.
 *
 * <p>Source: Vaswani et al., arXiv 1706.03762, in fairseq's form; sharing: Jeon et al., PLOS ONE
 * 18(7) e0288060; compressed decoder: Li et al., arXiv 2101.00542.
 */
public final class Transformer {
  private static final GemmF32.Spec LOGITS = GemmF32.Spec.of(false, true);
  private static final GemmF32.Spec GRAD_HIDDEN = GemmF32.Spec.of(false, false);
  private static final GemmF32.Spec GRAD_WEIGHT = GemmF32.Spec.of(true, false).withBeta(1);

  private final Compute compute;
  private final TransformerConfig config;
  private final ParameterSet parameters;
  private final TokenEmbedding source;
  private final TokenEmbedding target;
  private final EncoderLayer[] encoder;
  private final DecoderStack<?> decoder;
  private final Parameter output;

  /**
   * Makes a network of zeros.
   *
   * @param compute operations and memory
   * @param config the sizes
   */
  public Transformer(Compute compute, TransformerConfig config) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.config = Objects.requireNonNull(config, "config");
    parameters = new ParameterSet(compute.memory());
    Blocks blocks = new Blocks(compute, config, new LayerFactory(compute, parameters));
    source =
        new TokenEmbedding(
            compute,
            parameters.add(
                "encoder.embed_tokens.weight", config.sourceVocabulary(), config.encoder().width()),
            0);
    encoder = blocks.encoder();
    target =
        new TokenEmbedding(
            compute,
            parameters.add(
                "decoder.embed_tokens.weight", config.targetVocabulary(), config.decoder().width()),
            1);
    decoder = blocks.decoder();
    output =
        config.tiedEmbedding()
            ? target.table()
            : parameters.add(
                "decoder.output_projection.weight",
                config.targetVocabulary(),
                config.decoder().width());
  }

  /**
   * Sets all parameters to the random values with which training begins.
   *
   * @param seed the seed
   */
  public void initialise(long seed) {
    Initialisation initialisation = new Initialisation(compute.memory(), config, seed);
    long number = 0;
    for (Parameter parameter : parameters.all()) {
      initialisation.set(parameter, number++);
    }
  }

  /** Returns the sizes. */
  public TransformerConfig config() {
    return config;
  }

  /** Returns the parameters by fairseq's names. */
  public ParameterSet parameters() {
    return parameters;
  }

  /**
   * Allocates the tensors of a pass.
   *
   * @param where the memory they live in, on this network's device
   * @param capacity the largest batch
   * @param backward whether a backward follows; without, layers share memory
   */
  public Activations newActivations(Compute where, Capacity capacity, boolean backward) {
    return new Activations(
        where,
        config,
        newEncoderActivations(where, capacity, backward),
        decoder.newRuns(where, capacity, backward),
        capacity,
        backward);
  }

  EncoderActivations newEncoderActivations(Compute where, Capacity capacity, boolean backward) {
    return new EncoderActivations(where, config.encoder(), encoder, capacity, backward);
  }

  /**
   * Runs a forward up to the decoder's output, {@link Activations#decoded}.
   *
   * @param batch sentence pairs
   * @param a where tensors go
   * @param pass how the network runs
   * @throws IllegalArgumentException if the batch is larger than the activations were made for
   */
  public void forward(TranslationBatch batch, Activations a, Pass pass) {
    a.capacity.check(batch.source());
    a.capacity.check(batch.target());
    SequenceBatch inputs = batch.target();
    // First, since an upload waits for what is queued.
    Matrix mask = a.mask(batch.source(), inputs);
    encode(batch.source(), a.encoder, a.scratch, pass);
    a.pass = new DecoderPass(batch.source(), inputs, a.encoder.output(), mask, pass);
    a.decoderStates.begin(inputs.rows(), config.decoder().width());
    target.forward(inputs.tokens(), inputs.positions(), a.scratch.narrow, a.decoderState(0), pass);
    int l = 0;
    for (DecoderStack.Run<?> layer : a.decoder) {
      layer.forward(a.decoderState(l), a.decoderState(l + 1), a.pass, a.scratch);
      l++;
    }
  }

  void encode(SequenceBatch batch, EncoderActivations a, Scratch scratch, Pass pass) {
    a.hidden.begin(batch.rows(), config.encoder().width());
    source.forward(batch.tokens(), batch.positions(), scratch.narrow, a.hidden.state(0), pass);
    for (int l = 0; l < encoder.length; l++) {
      encoder[l].forward(
          a.hidden.state(l), a.hidden.state(l + 1), batch, a.layers[l], scratch, pass);
    }
  }

  /**
   * Computes logits.
   *
   * @param decoded rows of the decoder's output, F32 [rows, width]
   * @param logits F32 [rows, target vocabulary], written
   */
  public void logits(Matrix decoded, Matrix logits) {
    compute.product(LOGITS, GemmF32.Arguments.of(decoded, output.value(), logits));
  }

  /**
   * Computes the gradient by rows of the decoder's output and adds that of the output projection.
   *
   * @param decoded rows of the decoder's output, F32 [rows, width]
   * @param gradLogits gradient by their logits, F32 [rows, target vocabulary]
   * @param gradDecoded F32 [rows, width], written; rows of {@link Activations#gradDecoded}
   */
  public void backwardLogits(Matrix decoded, Matrix gradLogits, Matrix gradDecoded) {
    compute.product(GRAD_WEIGHT, GemmF32.Arguments.of(gradLogits, decoded, output.gradient()));
    compute.product(GRAD_HIDDEN, GemmF32.Arguments.of(gradLogits, output.value(), gradDecoded));
  }

  /**
   * Runs the backward of the pass in progress, from {@link Activations#gradDecoded} and what losses
   * injected, and adds to the gradients of the parameters.
   *
   * @param a the pass, made with a backward
   */
  public void backward(Activations a) {
    Scratch s = a.scratch;
    DecoderPass p = a.pass;
    Matrix gradient = a.gradDecoded();
    Matrix memory = p.memory();
    Matrix gradMemory = a.gradMemory.view(memory.rows(), memory.cols());
    compute.memory().zero(gradMemory);
    for (int l = a.decoder.size() - 1; l >= 0; l--) {
      a.decoder.get(l).backward(a.decoderState(l), gradient, gradMemory, p, s);
      a.decoderStates.addInjected(l, gradient);
    }
    target.backward(p.target().tokens(), gradient, p.pass());
    HiddenStates hidden = a.encoder.hidden;
    hidden.addInjected(encoder.length, gradMemory);
    for (int l = encoder.length - 1; l >= 0; l--) {
      encoder[l].backward(
          hidden.state(l), gradMemory, p.source(), a.encoder.layers[l], s, p.pass());
      hidden.addInjected(l, gradMemory);
    }
    source.backward(p.source().tokens(), gradMemory, p.pass());
  }

  TokenEmbedding targetEmbedding() {
    return target;
  }

  DecoderStack<?> decoder() {
    return decoder;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.random.NormalVariates;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Tensors;

/**
 * The values with which training begins, those of fairseq: embeddings normal with deviation
 * d^(-1/2), the row of padding 0; attention weights Xavier-uniform, with gain 1/sqrt(2) for
 * queries, keys and values of self-attention; feed-forward weights and biases, and the biases of
 * queries, keys and values, uniform in +-1/sqrt(inputs); biases of attention outputs 0; layer
 * normalisation 1 and 0. Compressed decoder layers: all weights Xavier-uniform, biases 0.
 *
 * <p>A query projection that self- and cross-attention share has the gain of cross-attention.
 *
 * <p><i>Determinism</i>: a value is a function of the seed, the number of its parameter and its
 * place in it.
 */
final class Initialisation {
  private static final double SELF_ATTENTION_GAIN = 1 / Math.sqrt(2);

  private final Memory memory;
  private final TransformerConfig config;
  private final long seed;

  Initialisation(Memory memory, TransformerConfig config, long seed) {
    this.memory = memory;
    this.config = config;
    this.seed = seed;
  }

  /** Sets the values of the parameter of some number. */
  void set(Parameter parameter, long number) {
    String name = parameter.name();
    long out = parameter.value().rows();
    long in = parameter.value().cols();
    boolean compressed =
        config.decoderKind() == DecoderKind.COMPRESSED && name.startsWith("decoder.layers.");
    boolean attention = name.contains("_attn.");
    if (name.contains("layer_norm.")) {
      fill(parameter, name.endsWith(".weight") ? 1 : 0);
    } else if (name.contains("embed_tokens.") || name.contains("output_projection.")) {
      embedding(parameter, number);
    } else if (name.endsWith(".bias") && (compressed || name.contains(".out_proj."))) {
      fill(parameter, 0);
    } else if (name.endsWith(".bias")) {
      uniform(parameter, number, 1 / Math.sqrt(inputs(name)));
    } else if (attention || compressed) {
      double gain = isSelfAttentionOnly(name) ? SELF_ATTENTION_GAIN : 1;
      uniform(parameter, number, gain * Math.sqrt(6.0 / (in + out)));
    } else {
      uniform(parameter, number, 1 / Math.sqrt(in));
    }
  }

  private boolean isSelfAttentionOnly(String name) {
    if (!name.contains("self_attn.") || name.contains(".out_proj.")) {
      return false;
    }
    return !(name.startsWith("decoder.")
        && name.contains(".q_proj.")
        && config.tying().ties(block(name)));
  }

  /** Returns the number of the block in a name such as decoder.layers.0.fc1.bias. */
  private static int block(String name) {
    return Integer.parseInt(name.split("\\.")[2]);
  }

  /** Returns the number of inputs of the linear layer that a bias belongs to. */
  private int inputs(String name) {
    Stack stack = name.startsWith("encoder.") ? config.encoder() : config.decoder();
    if (name.contains("fc2")) {
      return stack.feedForward();
    }
    boolean source = name.contains("encoder_attn.k_proj.") || name.contains("encoder_attn.v_proj.");
    return source ? config.encoder().width() : stack.width();
  }

  private void fill(Parameter parameter, float value) {
    Tensors.upload(memory, parameter.value(), i -> value);
  }

  private void embedding(Parameter parameter, long number) {
    long width = parameter.value().cols();
    double deviation = 1 / Math.sqrt(width);
    Tensors.upload(
        memory,
        parameter.value(),
        i ->
            i / width == SpecialTokens.PAD
                ? 0
                : (float) (deviation * NormalVariates.at(seed, number, i)));
  }

  private void uniform(Parameter parameter, long number, double bound) {
    Tensors.upload(
        memory,
        parameter.value(),
        i -> {
          // In [0, 1): the word of a counter of its own.
          double u = Integer.toUnsignedLong(Philox.word(seed, number, i, 0)) * 0x1p-32;
          return (float) (bound * (2 * u - 1));
        });
  }
}

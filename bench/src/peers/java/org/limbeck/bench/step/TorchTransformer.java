// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.keep;
import static org.limbeck.bench.step.Torch.number;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.training.transformer.QueryTying;
import org.limbeck.training.transformer.SpecialTokens;
import org.limbeck.training.transformer.Stack;
import org.limbeck.training.transformer.TransformerConfig;

/**
 * The translation Transformer with the standard decoder in libtorch's operators, float32:
 * post-norm, ReLU, sinusoidal positions, blocks executed in their order, queries and keys swapped
 * or tied where the configuration says so.
 */
final class TorchTransformer {
  private static final double EPSILON = 1e-5;
  private static final double BASE = 10_000;

  /** The number of the first position. */
  private static final int FIRST = SpecialTokens.PAD + 1;

  private final TransformerConfig config;
  private final Map<String, Tensor> parameters;
  private final TorchTranslationBatch batch;
  private final boolean fusedAttention;
  private final Tensor sourcePositions;
  private final Tensor targetPositions;

  /**
   * What losses compare.
   *
   * @param encoder X_0 to X_L of the encoder, [B, S, d]
   * @param decoder X_0 to X_L of the decoder, [B, T, d]
   * @param logits [B * T, V]
   */
  record Pass(List<Tensor> encoder, List<Tensor> decoder, Tensor logits) {}

  /**
   * Makes a model.
   *
   * @param config its sizes
   * @param parameters its parameters
   * @param batch the batch it runs on
   * @param fusedAttention whether attention is one operator
   */
  TorchTransformer(
      TransformerConfig config,
      Map<String, Tensor> parameters,
      TorchTranslationBatch batch,
      boolean fusedAttention) {
    this.config = config;
    this.parameters = parameters;
    this.batch = batch;
    this.fusedAttention = fusedAttention;
    sourcePositions = positions(batch.source().length(), config.encoder().width());
    targetPositions = positions(batch.target().length(), config.decoder().width());
  }

  private static Tensor positions(long length, int width) {
    float[] values = new float[Math.toIntExact(length * width)];
    int half = width / 2;
    for (int i = 0; i < values.length; i++) {
      int column = i % width;
      double angle = (i / width + FIRST) * Math.pow(BASE, -(column % half) / (half - 1.0));
      values[i] = (float) (column < half ? Math.sin(angle) : Math.cos(angle));
    }
    return Tensor.create(values, 1, length, width).clone();
  }

  /** Returns the parameters by name. */
  Map<String, Tensor> parameters() {
    return parameters;
  }

  /**
   * Runs the model.
   *
   * @param dropout the probability of dropping, 0 for none
   */
  Pass forward(double dropout) {
    List<Tensor> encoder = encode(dropout);
    List<Tensor> decoder = decode(encoder.get(encoder.size() - 1), dropout);
    Tensor last = decoder.get(decoder.size() - 1);
    Tensor logits =
        keep(() -> torch.linear(last.view(-1, last.size(2)), of("decoder.embed_tokens.weight")));
    return new Pass(encoder, decoder, logits);
  }

  private List<Tensor> encode(double dropout) {
    List<Tensor> states = new ArrayList<>();
    states.add(embed("encoder", batch.source(), sourcePositions, dropout));
    Stack stack = config.encoder();
    for (int l = 0; l < stack.layers(); l++) {
      Tensor x = states.get(l);
      String block = "encoder.layers." + (stack.order().get(l) - 1) + ".";
      String self = block + "self_attn.";
      boolean swapped = stack.swapped().get(l);
      Attention attention =
          new Attention(self, swapped, null, stack.heads(), batch.source().mask());
      Tensor y = attend(attention, x, x, block + "self_attn_layer_norm", dropout);
      states.add(feedForward(y, block, dropout));
    }
    return states;
  }

  private List<Tensor> decode(Tensor memory, double dropout) {
    List<Tensor> states = new ArrayList<>();
    states.add(embed("decoder", batch.target(), targetPositions, dropout));
    Stack stack = config.decoder();
    for (int l = 0; l < stack.layers(); l++) {
      Tensor x = states.get(l);
      int number = stack.order().get(l) - 1;
      String block = "decoder.layers." + number + ".";
      boolean swapped = stack.swapped().get(l);
      boolean tied =
          config.tying() == QueryTying.ALL || config.tying() == QueryTying.FIRST && number == 0;
      Attention self = new Attention(block + "self_attn.", swapped, null, stack.heads(), null);
      Attention cross =
          new Attention(
              block + "encoder_attn.",
              false,
              tied ? block + "self_attn.q_proj" : null,
              stack.heads(),
              batch.source().mask());
      Tensor y = attend(self, x, x, block + "self_attn_layer_norm", dropout);
      Tensor z = attend(cross, y, memory, block + "encoder_attn_layer_norm", dropout);
      states.add(feedForward(z, block, dropout));
    }
    return states;
  }

  private Tensor embed(
      String side, TorchTranslationBatch.Side tokens, Tensor positions, double dropout) {
    return keep(
        () -> {
          Tensor table = of(side + ".embed_tokens.weight");
          Tensor words = torch.embedding(table, tokens.tokens(), SpecialTokens.PAD, false, false);
          return drop(words.mul(number(Math.sqrt(table.size(1)))).add(positions), dropout);
        });
  }

  /**
   * A use of attention.
   *
   * @param name the prefix of its projections
   * @param swapped whether queries and keys take each other's projection
   * @param tied the projection of queries, or null for its own
   * @param heads the number of heads
   * @param mask added to scores, or null for a causal one
   */
  private record Attention(String name, boolean swapped, String tied, int heads, Tensor mask) {
    String query() {
      return tied != null ? tied : name + (swapped ? "k_proj" : "q_proj");
    }

    String key() {
      return name + (swapped ? "q_proj" : "k_proj");
    }
  }

  private Tensor attend(Attention a, Tensor x, Tensor memory, String norm, double dropout) {
    Tensor context =
        keep(
            () -> {
              Tensor q = heads(linear(x, a.query()), a.heads());
              Tensor k = heads(linear(memory, a.key()), a.heads());
              Tensor v = heads(linear(memory, a.name() + "v_proj"), a.heads());
              return context(a, q, k, v).transpose(1, 2).reshape(x.size(0), x.size(1), x.size(2));
            });
    return keep(() -> norm(drop(linear(context, a.name() + "out_proj"), dropout).add(x), norm));
  }

  private Tensor context(Attention a, Tensor q, Tensor k, Tensor v) {
    if (fusedAttention) {
      TensorOptional mask = a.mask() == null ? new TensorOptional() : new TensorOptional(a.mask());
      return torch.scaled_dot_product_attention(
          q, k, v, mask, 0, a.mask() == null, new DoubleOptional(), false);
    }
    Tensor mask = a.mask() == null ? batch.target().causal() : a.mask();
    double scale = 1 / Math.sqrt(q.size(3));
    Tensor scores = keep(() -> torch.matmul(q.mul(number(scale)), k.transpose(2, 3)).add_(mask));
    return torch.matmul(scores.softmax(3), v);
  }

  private static Tensor heads(Tensor x, int heads) {
    return x.view(x.size(0), x.size(1), heads, x.size(2) / heads).transpose(1, 2);
  }

  private Tensor feedForward(Tensor x, String block, double dropout) {
    return keep(
        () -> {
          Tensor inner = linear(x, block + "fc1").relu_();
          Tensor sum = drop(linear(inner, block + "fc2"), dropout).add(x);
          return norm(sum, block + "final_layer_norm");
        });
  }

  private Tensor linear(Tensor x, String name) {
    return torch.linear(x, of(name + ".weight"), new TensorOptional(of(name + ".bias")));
  }

  private Tensor norm(Tensor x, String name) {
    return torch.layer_norm(
        x,
        new long[] {x.size(2)},
        new TensorOptional(of(name + ".weight")),
        new TensorOptional(of(name + ".bias")),
        EPSILON,
        false);
  }

  private static Tensor drop(Tensor x, double probability) {
    return probability == 0 ? x : torch.dropout(x, probability, true);
  }

  private Tensor of(String name) {
    return parameters.get(name);
  }
}

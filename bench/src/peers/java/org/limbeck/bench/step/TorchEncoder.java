// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.keep;
import static org.limbeck.bench.step.Torch.number;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.training.bert.BertConfig;

/**
 * A BERT encoder with classifier in libtorch's operators, float32, in full precision or quantized
 * where Limbeck's is.
 */
final class TorchEncoder {
  private static final long PADDING_INDEX = 0;

  private final BertConfig config;
  private final TorchQuantizer quantizer;
  private final Map<String, Tensor> parameters;

  /**
   * Makes a network from values.
   *
   * @param problem sizes and values
   * @param quantizer how it is quantized, or null for full precision
   * @param trained whether parameters have gradients
   */
  TorchEncoder(QatKdProblem problem, TorchQuantizer quantizer, boolean trained) {
    config = problem.config();
    this.quantizer = quantizer;
    parameters = TorchStep.tensors(problem.parameters(), trained);
  }

  /** Returns the parameters by name. */
  Map<String, Tensor> parameters() {
    return parameters;
  }

  /**
   * Runs the network.
   *
   * @param batch the batch
   * @param dropout the probability of dropping, 0 for none
   */
  TorchActivations forward(TorchBatch batch, double dropout) {
    TorchActivations a = new TorchActivations();
    a.hidden.add(keep(() -> embed(batch, dropout)));
    for (int l = 0; l < config.layers(); l++) {
      layer(a, "encoder.layer." + l + ".", batch, dropout);
    }
    Tensor last = a.hidden.get(config.layers());
    a.logits =
        keep(
            () -> {
              Tensor first = last.view(batch.size(), batch.length(), config.hidden()).select(1, 0);
              Tensor pooled = linear(quantized(first), "pooler.dense").tanh();
              return torch.linear(
                  drop(pooled, dropout),
                  of("classifier.weight"),
                  new TensorOptional(of("classifier.bias")));
            });
    return a;
  }

  private Tensor embed(TorchBatch batch, double dropout) {
    Tensor table = of("embeddings.word_embeddings.weight");
    Tensor words = quantizer == null ? table : quantizer.weight(table, true);
    Tensor sum =
        torch
            .embedding(words, batch.tokens(), PADDING_INDEX, false, false)
            .add(torch.embedding(of("embeddings.position_embeddings.weight"), batch.positions()))
            .add(torch.embedding(of("embeddings.token_type_embeddings.weight"), batch.types()));
    return drop(norm(sum, "embeddings.LayerNorm"), dropout);
  }

  private void layer(TorchActivations a, String prefix, TorchBatch batch, double dropout) {
    Tensor x = a.hidden.get(a.hidden.size() - 1);
    Tensor in = quantized(x);
    Tensor q = heads(in, prefix + "attention.self.query", batch);
    Tensor k = heads(in, prefix + "attention.self.key", batch);
    Tensor v = heads(in, prefix + "attention.self.value", batch);
    double scale = 1 / Math.sqrt(config.headWidth());
    Tensor scores =
        keep(() -> torch.matmul(q, k.transpose(2, 3)).mul(number(scale)).add(batch.mask()));
    Tensor maps = keep(() -> scores.softmax(3));
    Tensor context =
        keep(
            () ->
                torch
                    .matmul(quantized(drop(maps, dropout)), v)
                    .permute(0, 2, 1, 3)
                    .contiguous()
                    .view(batch.size() * batch.length(), config.hidden()));
    Tensor selfOutput = linear(quantized(context), prefix + "attention.output.dense");
    Tensor output =
        keep(() -> norm(drop(selfOutput, dropout).add(x), prefix + "attention.output.LayerNorm"));
    Tensor next =
        keep(
            () -> {
              Tensor wide = linear(quantized(output), prefix + "intermediate.dense");
              Tensor narrow = linear(quantized(torch.gelu(wide)), prefix + "output.dense");
              return norm(drop(narrow, dropout).add(output), prefix + "output.LayerNorm");
            });
    a.scores.add(scores);
    a.maps.add(maps);
    a.contexts.add(context);
    a.selfOutputs.add(selfOutput);
    a.outputs.add(output);
    a.hidden.add(next);
  }

  /** Returns the quantized outputs of a linear layer as [B, H, S, width]. */
  private Tensor heads(Tensor x, String name, TorchBatch batch) {
    return keep(
        () ->
            quantized(linear(x, name))
                .view(batch.size(), batch.length(), config.heads(), config.headWidth())
                .permute(0, 2, 1, 3));
  }

  private Tensor linear(Tensor x, String name) {
    return keep(
        () -> {
          Tensor latent = of(name + ".weight");
          Tensor weight = quantizer == null ? latent : quantizer.weight(latent, false);
          return torch.linear(x, weight, new TensorOptional(of(name + ".bias")));
        });
  }

  private Tensor norm(Tensor x, String name) {
    return torch.layer_norm(
        x,
        new long[] {config.hidden()},
        new TensorOptional(of(name + ".weight")),
        new TensorOptional(of(name + ".bias")),
        config.epsilon(),
        false);
  }

  private Tensor quantized(Tensor x) {
    return quantizer == null ? x : quantizer.activation(x);
  }

  private static Tensor drop(Tensor x, double probability) {
    return probability == 0 ? x : torch.dropout(x, probability, true);
  }

  private Tensor of(String name) {
    return parameters.get(name);
  }
}

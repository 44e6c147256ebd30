// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peers;

import static org.limbeck.bench.peers.TorchCall.over;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.bench.cases.Case;
import org.limbeck.bench.peer.PeerCall;
import org.limbeck.bench.peer.PeerSession;

/** The stems as users of PyTorch write them. */
final class TorchSession implements PeerSession {
  static final List<String> STEMS =
      List.of(
          "softmax_kl",
          "attention_kl",
          "fake_quant",
          "pet_warmup",
          "mse",
          "cosine",
          "attention",
          "softmax",
          "layer_norm",
          "gelu",
          "relu",
          "tanh",
          "embedding",
          "dropout",
          "adamw",
          "bert_adam");

  private static final double BERT_EPSILON = 1e-12;
  private static final double DROPPED = 0.1;

  private final String path;

  TorchSession(String path) {
    this.path = path;
  }

  @Override
  public String path() {
    return path;
  }

  @Override
  public Optional<PeerCall> call(Case work) {
    return Optional.ofNullable(
        switch (work.stem()) {
          case "softmax_kl" -> TorchLosses.softmaxKl(work);
          case "attention_kl" -> TorchLosses.attentionKl(work);
          case "pet_warmup" -> TorchLosses.petWarmup(work);
          case "mse" -> TorchLosses.mse(work);
          case "cosine" -> TorchLosses.cosine(work);
          case "fake_quant" -> TorchQuantizers.call(work);
          case "attention" -> attention(work);
          case "softmax" -> activation(work, x -> torch.softmax(x, 1));
          case "gelu" -> activation(work, torch::gelu);
          case "relu" -> activation(work, torch::relu);
          case "tanh" -> activation(work, torch::tanh);
          case "layer_norm" -> layerNorm(work);
          case "embedding" -> embedding(work);
          case "dropout" -> new NotCompared(dropout(work));
          case "adamw" -> TorchOptimizers.adamw(work);
          case "bert_adam" -> TorchOptimizers.bertAdam(work);
          default -> null;
        });
  }

  /** Draws random numbers of its own. */
  private record NotCompared(PeerCall call) implements PeerCall {
    @Override
    public void run() {
      call.run();
    }

    @Override
    public Set<String> store(Case results) {
      return Set.of();
    }

    @Override
    public void close() {
      call.close();
    }
  }

  private static PeerCall activation(Case work, UnaryOperator<Tensor> function) {
    return elementwise(work, over(work.of("x")), "y", function);
  }

  /** Forward or backward of a function of one tensor. */
  private static PeerCall elementwise(
      Case work, Tensor x, String y, UnaryOperator<Tensor> function) {
    if (work.mode().equals("forward")) {
      return TorchCall.plain(y, () -> function.apply(x));
    }
    return TorchCall.backward(
        () -> function.apply(x), over(work.of("grad_y")), List.of(x), List.of("grad_x"));
  }

  private static PeerCall dropout(Case work) {
    boolean forward = work.mode().equals("forward");
    // Any values do for the graph of a backward.
    Tensor x = over(work.of(forward ? "x" : "grad_y"));
    return elementwise(
        work, forward ? x : x.detach().clone(), "y", t -> torch.dropout(t, DROPPED, true));
  }

  private static PeerCall layerNorm(Case work) {
    long[] normalized = {work.size(1)};
    Tensor x = over(work.of("x"));
    Tensor gamma = over(work.of("gamma"), normalized);
    Tensor beta = over(work.of("beta"), normalized);
    TensorOptional scale = new TensorOptional(gamma);
    TensorOptional shift = new TensorOptional(beta);
    if (work.mode().equals("forward")) {
      return TorchCall.plain(
          "y", () -> torch.layer_norm(x, normalized, scale, shift, BERT_EPSILON, true));
    }
    return TorchCall.backward(
        () ->
            torch.layer_norm(
                x,
                normalized,
                new TensorOptional(gamma),
                new TensorOptional(beta),
                BERT_EPSILON,
                true),
        over(work.of("grad_y")),
        List.of(x, gamma, beta),
        List.of("grad_x", "+grad_gamma", "+grad_beta"));
  }

  private static PeerCall embedding(Case work) {
    Tensor ids = over(work.of("ids"), work.size(0));
    if (work.mode().equals("forward")) {
      Tensor table = over(work.of("table"));
      return TorchCall.plain("y", () -> torch.embedding(table, ids));
    }
    Tensor table = torch.zeros(work.size(1), work.size(2));
    return TorchCall.backward(
        () -> torch.embedding(table, ids),
        over(work.of("grad_y")),
        List.of(table),
        List.of("+grad_table"));
  }

  private static PeerCall attention(Case work) {
    long batch = work.size(0);
    long heads = work.size(1);
    long length = work.size(2);
    long width = work.size(3);
    Tensor query = over(work.of("query"), batch, length, heads, width);
    Tensor key = over(work.of("key"), batch, length, heads, width);
    Tensor value = over(work.of("value"), batch, length, heads, width);
    Scalar scale = new Scalar(1 / Math.sqrt(width));
    if (work.mode().equals("forward")) {
      return TorchCall.plain(
          () -> {
            Tensor maps = maps(query, key, scale);
            return Map.of("maps", maps, "context", context(maps, value));
          });
    }
    return TorchCall.backward(
        () -> context(maps(query, key, scale), value),
        over(work.of("grad_context"), batch, length, heads, width),
        List.of(query, key, value),
        List.of("grad_query", "grad_key", "grad_value"));
  }

  private static Tensor maps(Tensor query, Tensor key, Scalar scale) {
    Tensor scores =
        torch.matmul(query.transpose(1, 2), key.transpose(1, 2).transpose(2, 3)).mul(scale);
    return torch.softmax(scores, 3);
  }

  private static Tensor context(Tensor maps, Tensor value) {
    return torch.matmul(maps, value.transpose(1, 2)).transpose(1, 2).contiguous();
  }

  @Override
  public void close() {}
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.bytedeco.pytorch.global.torch.embedding;
import static org.bytedeco.pytorch.global.torch.gelu;
import static org.bytedeco.pytorch.global.torch.layer_norm;
import static org.bytedeco.pytorch.global.torch.log;
import static org.bytedeco.pytorch.global.torch.matmul;
import static org.bytedeco.pytorch.global.torch.round;
import static org.bytedeco.pytorch.global.torch.softmax;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.limbeck.training.bert.BertConfig;

/**
 * The encoder, its quantizers and its losses a second time, written with libtorch from the
 * specification of QAT-KD, in double precision, with gradients by automatic differentiation.
 */
final class TorchBert {
  private static final double MASK = -10_000;
  private static final ScalarTypeOptional SAME_TYPE = new ScalarTypeOptional();

  private final BertConfig config;
  private final boolean quantized;
  final Map<String, Tensor> parameters = new LinkedHashMap<>();

  // Of the last forward.
  final List<Tensor> hidden = new ArrayList<>();
  final List<Tensor> scores = new ArrayList<>();
  final List<Tensor> outputs = new ArrayList<>();
  final List<Tensor> contexts = new ArrayList<>();
  final List<Tensor> selfOutputs = new ArrayList<>();
  Tensor logits;

  TorchBert(BertConfig config, boolean quantized) {
    this.config = config;
    this.quantized = quantized;
  }

  void parameter(String name, float[] values, long rows, long cols) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    boolean vector = name.endsWith("bias") || name.contains("LayerNorm");
    Tensor tensor = vector ? Tensor.create(wide, cols) : Tensor.create(wide, rows, cols);
    tensor.set_requires_grad(true);
    parameters.put(name, tensor);
  }

  private Tensor of(String name) {
    return parameters.get(name);
  }

  private static Scalar number(double value) {
    return new Scalar(value);
  }

  /** q(x) in the forward, the gradient of clip(x) in the backward. */
  private static Tensor straightThrough(Tensor x, Tensor clipped, Tensor quantizedValue) {
    return clipped.add(quantizedValue.sub(clipped).detach());
  }

  private static Tensor clip(Tensor x) {
    // The gradient passes where -2.5 < x < 2.5.
    Tensor inside = x.abs().lt(number(2.5)).to(ScalarType.Double);
    Tensor constant = x.detach().sign().mul(number(2.5)).mul(inside.mul(number(-1)).add(number(1)));
    return x.mul(inside).add(constant);
  }

  private Tensor activation(Tensor x) {
    if (!quantized) {
      return x;
    }
    Tensor c = clip(x);
    Tensor s = c.detach().abs().max().pow(number(-1)).mul(number(127));
    return straightThrough(x, c, round(c.detach().mul(s)).div(s));
  }

  private Tensor weight(String name, boolean byRow) {
    Tensor w = of(name);
    if (!quantized) {
      return w;
    }
    Tensor c = clip(w);
    Tensor a = c.detach().abs();
    Tensor mean = byRow ? a.mean(new long[] {1}, true, SAME_TYPE) : a.mean();
    Tensor kept = a.gt(mean.mul(number(0.7))).to(ScalarType.Double);
    Tensor sum = a.mul(kept);
    Tensor alpha =
        byRow
            ? sum.sum(new long[] {1}, true, SAME_TYPE)
                .div(kept.sum(new long[] {1}, true, SAME_TYPE))
            : sum.sum().div(kept.sum());
    return straightThrough(w, c, c.detach().sign().mul(kept).mul(alpha));
  }

  private Tensor linear(Tensor x, String name, boolean quantizedWeight) {
    Tensor w = quantizedWeight ? weight(name + ".weight", false) : of(name + ".weight");
    Tensor in = quantizedWeight ? activation(x) : x;
    return matmul(in, w.transpose(0, 1)).add(of(name + ".bias"));
  }

  private Tensor norm(Tensor x, String name) {
    return layer_norm(
        x,
        new long[] {config.hidden()},
        new TensorOptional(of(name + ".weight")),
        new TensorOptional(of(name + ".bias")),
        config.epsilon(),
        false);
  }

  /** Runs the network; tokens and types [B * S], lengths [B]. */
  void forward(long[] tokens, long[] types, long[] positions, int[] lengths, int length) {
    int batch = lengths.length;
    Tensor x =
        embedding(
                weight("embeddings.word_embeddings.weight", true),
                Tensor.create(tokens),
                0,
                false,
                false)
            .add(embedding(of("embeddings.position_embeddings.weight"), Tensor.create(positions)))
            .add(embedding(of("embeddings.token_type_embeddings.weight"), Tensor.create(types)));
    x = norm(x, "embeddings.LayerNorm");
    hidden.add(x);
    double[] mask = new double[batch * length];
    for (int b = 0; b < batch; b++) {
      for (int j = lengths[b]; j < length; j++) {
        mask[b * length + j] = MASK;
      }
    }
    Tensor added = Tensor.create(mask, batch, 1, 1, length);
    for (int l = 0; l < config.layers(); l++) {
      x = layer(x, "encoder.layer." + l + ".", added, batch, length);
      hidden.add(x);
    }
    Tensor first = x.view(batch, length, config.hidden()).select(1, 0);
    Tensor pooled = linear(first, "pooler.dense", true).tanh();
    logits = linear(pooled, "classifier", false);
  }

  private Tensor heads(Tensor x, int batch, int length) {
    return x.view(batch, length, config.heads(), config.headWidth()).permute(0, 2, 1, 3);
  }

  private Tensor layer(Tensor x, String prefix, Tensor mask, int batch, int length) {
    Tensor q = heads(activation(linear(x, prefix + "attention.self.query", true)), batch, length);
    Tensor k = heads(activation(linear(x, prefix + "attention.self.key", true)), batch, length);
    Tensor v = heads(activation(linear(x, prefix + "attention.self.value", true)), batch, length);
    Tensor a =
        matmul(q, k.transpose(2, 3)).mul(number(1 / Math.sqrt(config.headWidth()))).add(mask);
    scores.add(a);
    Tensor p = softmax(a, 3, SAME_TYPE);
    Tensor c =
        matmul(activation(p), v)
            .permute(0, 2, 1, 3)
            .contiguous()
            .view((long) batch * length, config.hidden());
    contexts.add(c);
    Tensor o = linear(c, prefix + "attention.output.dense", true);
    selfOutputs.add(o);
    Tensor y = norm(o.add(x), prefix + "attention.output.LayerNorm");
    outputs.add(y);
    Tensor h = gelu(linear(y, prefix + "intermediate.dense", true));
    return norm(linear(h, prefix + "output.dense", true).add(y), prefix + "output.LayerNorm");
  }

  /** The loss of this student against a teacher whose forward ran. */
  Tensor loss(TorchBert teacher, LossConfiguration losses, int[] lengths, int length) {
    Tensor total = prediction(logits, teacher.logits.detach());
    for (int i = 0; i <= config.layers(); i++) {
      if (losses.comparesHidden(i)) {
        total = total.add(meanSquares(hidden.get(i), teacher.hidden.get(i)));
      }
    }
    for (int l = 0; l < config.layers(); l++) {
      total = add(total, losses, LossTerm.OUTPUT, outputs, teacher.outputs, l);
      total = add(total, losses, LossTerm.CONTEXT, contexts, teacher.contexts, l);
      total = add(total, losses, LossTerm.SELF_OUTPUT, selfOutputs, teacher.selfOutputs, l);
      if (losses.has(LossTerm.SCORE)) {
        Tensor term = meanSquares(unmasked(scores.get(l)), unmasked(teacher.scores.get(l)));
        total = total.add(term.mul(number(losses.coefficient(LossTerm.SCORE))));
      }
      if (losses.has(LossTerm.MAP)) {
        Tensor term = maps(scores.get(l), teacher.scores.get(l), losses, lengths, length);
        total = total.add(term.mul(number(losses.coefficient(LossTerm.MAP))));
      }
    }
    return total;
  }

  private static Tensor add(
      Tensor total,
      LossConfiguration losses,
      LossTerm term,
      List<Tensor> mine,
      List<Tensor> theirs,
      int l) {
    return losses.has(term)
        ? total.add(meanSquares(mine.get(l), theirs.get(l)).mul(number(losses.coefficient(term))))
        : total;
  }

  private static Tensor meanSquares(Tensor s, Tensor t) {
    return s.sub(t.detach()).pow(number(2)).mean();
  }

  private static Tensor prediction(Tensor s, Tensor t) {
    if (s.size(1) == 1) {
      return meanSquares(s, t);
    }
    return softmax(t, 1, SAME_TYPE).mul(s.log_softmax(1)).sum().mul(number(-1.0 / s.size(0)));
  }

  private static Tensor unmasked(Tensor a) {
    return a.masked_fill(a.le(number(-100)), number(0));
  }

  private static Tensor maps(
      Tensor s, Tensor t, LossConfiguration losses, int[] lengths, int length) {
    Tensor total = null;
    double tau = losses.temperature();
    for (int b = 0; b < lengths.length; b++) {
      Tensor p = probabilities(s.select(0, b), tau);
      Tensor q = probabilities(t.select(0, b).detach(), tau);
      double[] pair = new double[length * length];
      for (int i = 0; i < lengths[b]; i++) {
        for (int j = 0; j < lengths[b]; j++) {
          pair[i * length + j] = 1;
        }
      }
      Tensor divergence =
          q.mul(log(q).sub(log(p))).mul(Tensor.create(pair, 1, length, length)).sum();
      Tensor mean = divergence.mul(number(1.0 / lengths[b]));
      total = total == null ? mean : total.add(mean);
    }
    double factor = losses.tauSquared() ? tau * tau : 1;
    return total.mul(number(factor / (lengths.length * s.size(1))));
  }

  private static Tensor probabilities(Tensor a, double tau) {
    Tensor p = softmax(a.div(number(tau)), 2, SAME_TYPE);
    return p.masked_fill(p.le(number(1e-8)), number(1e-8));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.bytedeco.pytorch.global.torch.cat;
import static org.bytedeco.pytorch.global.torch.embedding;
import static org.bytedeco.pytorch.global.torch.layer_norm;
import static org.bytedeco.pytorch.global.torch.matmul;
import static org.bytedeco.pytorch.global.torch.relu;
import static org.bytedeco.pytorch.global.torch.softmax;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.transformer.DecoderKind;
import org.limbeck.training.transformer.Stack;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TransformerConfig;

/**
 * The translation Transformer a second time, written with libtorch from the specification of PET,
 * in double precision, with gradients by automatic differentiation.
 */
final class TorchTransformer {
  private static final int PAD = 1;
  private static final int EOS = 2;
  private static final ScalarTypeOptional SAME_TYPE = new ScalarTypeOptional();

  private final TransformerConfig config;
  final Map<String, Tensor> parameters = new LinkedHashMap<>();

  // Of the last forward.
  final List<Tensor> encoderStates = new ArrayList<>();
  final List<Tensor> decoderStates = new ArrayList<>();
  Tensor logits;

  /** Takes the values of a model. */
  TorchTransformer(Compute compute, Transformer model) {
    config = model.config();
    for (Parameter parameter : model.parameters().all()) {
      float[] values = Tensors.download(compute.memory(), parameter.value());
      double[] wide = new double[values.length];
      for (int i = 0; i < wide.length; i++) {
        wide[i] = values[i];
      }
      long rows = parameter.value().rows();
      long cols = parameter.value().cols();
      Tensor tensor = rows == 1 ? Tensor.create(wide, cols) : Tensor.create(wide, rows, cols);
      tensor.set_requires_grad(true);
      parameters.put(parameter.name(), tensor);
    }
  }

  private Tensor of(String name) {
    Tensor tensor = parameters.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(name);
    }
    return tensor;
  }

  private static Scalar number(double value) {
    return new Scalar(value);
  }

  private Tensor linear(Tensor x, String name) {
    return matmul(x, of(name + ".weight").transpose(0, 1)).add(of(name + ".bias"));
  }

  private Tensor norm(Tensor x, String name) {
    return layer_norm(
        x,
        new long[] {x.size(-1)},
        new TensorOptional(of(name + ".weight")),
        new TensorOptional(of(name + ".bias")),
        1e-5,
        false);
  }

  /** Runs the network; sentences of tokens, each with its end. Logits [B, T, V]. */
  void forward(List<int[]> sources, List<int[]> targets) {
    Tensor x = embed(sources, "encoder", false);
    encoderStates.add(x);
    Tensor mask = padding(sources);
    Stack stack = config.encoder();
    for (int l = 0; l < stack.layers(); l++) {
      String block = "encoder.layers." + (stack.order().get(l) - 1) + ".";
      x =
          attention(
              x,
              x,
              block + "self_attn.",
              null,
              stack.swapped().get(l),
              stack.heads(),
              mask,
              block + "self_attn_layer_norm");
      x = feedForward(x, block);
      encoderStates.add(x);
    }
    Tensor memory = x;
    x = embed(targets, "decoder", true);
    decoderStates.add(x);
    stack = config.decoder();
    Tensor causal = causal(longest(targets));
    for (int l = 0; l < stack.layers(); l++) {
      int number = stack.order().get(l) - 1;
      String block = "decoder.layers." + number + ".";
      if (config.decoderKind() == DecoderKind.COMPRESSED) {
        x = compressed(x, memory, block, stack.heads(), mask, causal);
      } else {
        x =
            attention(
                x,
                x,
                block + "self_attn.",
                null,
                stack.swapped().get(l),
                stack.heads(),
                causal,
                block + "self_attn_layer_norm");
        boolean tied =
            switch (config.tying()) {
              case NONE -> false;
              case FIRST -> number == 0;
              case ALL -> true;
            };
        String query = tied ? block + "self_attn.q_proj" : block + "encoder_attn.q_proj";
        x =
            attention(
                x,
                memory,
                block + "encoder_attn.",
                query,
                false,
                stack.heads(),
                mask,
                block + "encoder_attn_layer_norm");
        x = feedForward(x, block);
      }
      decoderStates.add(x);
    }
    String output =
        config.tiedEmbedding() ? "decoder.embed_tokens.weight" : "decoder.output_projection.weight";
    logits = matmul(x, of(output).transpose(0, 1));
  }

  private static int longest(List<int[]> sentences) {
    return sentences.stream().mapToInt(s -> s.length).max().orElseThrow();
  }

  private Tensor embed(List<int[]> sentences, String side, boolean shifted) {
    Tensor table = of(side + ".embed_tokens.weight");
    int width = (int) table.size(1);
    int length = longest(sentences);
    long[] tokens = new long[sentences.size() * length];
    double[] positions = new double[tokens.length * width];
    int half = width / 2;
    for (int b = 0; b < sentences.size(); b++) {
      int[] sentence = sentences.get(b);
      for (int t = 0; t < length; t++) {
        int at = b * length + t;
        boolean real = t < sentence.length;
        int before = t == 0 ? EOS : sentence[Math.min(t, sentence.length) - 1];
        tokens[at] = !real ? PAD : shifted ? before : sentence[t];
        for (int i = 0; real && i < half; i++) {
          double angle = (t + 2) * Math.exp(-i * Math.log(10_000) / (half - 1));
          positions[at * width + i] = Math.sin(angle);
          positions[at * width + half + i] = Math.cos(angle);
        }
      }
    }
    return embedding(table, Tensor.create(tokens, sentences.size(), length), PAD, false, false)
        .mul(number(Math.sqrt(width)))
        .add(Tensor.create(positions, sentences.size(), length, width));
  }

  /** [B, 1, 1, S]: minus infinity at padding. */
  private static Tensor padding(List<int[]> sentences) {
    int length = longest(sentences);
    double[] mask = new double[sentences.size() * length];
    for (int b = 0; b < sentences.size(); b++) {
      for (int t = sentences.get(b).length; t < length; t++) {
        mask[b * length + t] = Double.NEGATIVE_INFINITY;
      }
    }
    return Tensor.create(mask, sentences.size(), 1, 1, length);
  }

  private static Tensor causal(int length) {
    double[] mask = new double[length * length];
    for (int q = 0; q < length; q++) {
      for (int k = q + 1; k < length; k++) {
        mask[q * length + k] = Double.NEGATIVE_INFINITY;
      }
    }
    return Tensor.create(mask, 1, 1, length, length);
  }

  private static Tensor heads(Tensor x, int heads) {
    return x.view(x.size(0), x.size(1), heads, x.size(2) / heads).permute(0, 2, 1, 3);
  }

  private static Tensor attend(Tensor q, Tensor k, Tensor v, int heads, Tensor mask) {
    Tensor scores =
        matmul(heads(q, heads), heads(k, heads).transpose(2, 3))
            .mul(number(1 / Math.sqrt((double) q.size(2) / heads)))
            .add(mask);
    return matmul(softmax(scores, 3, SAME_TYPE), heads(v, heads))
        .permute(0, 2, 1, 3)
        .contiguous()
        .view(q.size(0), q.size(1), v.size(2));
  }

  private Tensor attention(
      Tensor x,
      Tensor memory,
      String name,
      String otherQuery,
      boolean swapped,
      int heads,
      Tensor mask,
      String normName) {
    String query = otherQuery != null ? otherQuery : name + (swapped ? "k_proj" : "q_proj");
    String key = name + (swapped ? "q_proj" : "k_proj");
    Tensor context =
        attend(linear(x, query), linear(memory, key), linear(memory, name + "v_proj"), heads, mask);
    return norm(x.add(linear(context, name + "out_proj")), normName);
  }

  private Tensor feedForward(Tensor x, String block) {
    Tensor inner = relu(linear(x, block + "fc1"));
    return norm(x.add(linear(inner, block + "fc2")), block + "final_layer_norm");
  }

  private Tensor compressed(
      Tensor x, Tensor memory, String block, int heads, Tensor padding, Tensor causal) {
    Tensor n = norm(x, block + "layer_norm");
    Tensor k =
        cat(
            new TensorVector(linear(memory, block + "source_k_proj"), linear(n, block + "k_proj")),
            1);
    Tensor v =
        cat(
            new TensorVector(linear(memory, block + "source_v_proj"), linear(n, block + "v_proj")),
            1);
    long batch = x.size(0);
    long length = x.size(1);
    Tensor mask =
        cat(
            new TensorVector(
                padding.expand(batch, 1, length, memory.size(1)),
                causal.expand(batch, 1, length, length)),
            3);
    Tensor context = attend(linear(n, block + "q_proj"), k, v, heads, mask);
    Tensor inner = relu(context.add(linear(n, block + "fc1")));
    return x.add(linear(inner, block + "fc2"));
  }
}

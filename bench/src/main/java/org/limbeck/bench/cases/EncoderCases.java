// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.Arrays;
import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.training.bert.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.Tap;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.packed.PackedClassifier;
import org.limbeck.training.packed.PackedModel;

/**
 * No kernel but what kernels make together: the inference of MiniLM-L6 with its own weights, word
 * pieces to hidden states, sequences without padding; and of the same network with ternary weights
 * and 8-bit activations, packed, to the logits of a classifier on top of it; and of BERT-base
 * likewise, with random weights.
 *
 * <p>A token takes 24 D^2 + 4 S D flops in each of the layers, D the width and S the length; the
 * weights of the layers are read once a call.
 */
public final class EncoderCases extends StemCases {
  private static final double TOLERANCE = 1e-4;
  private static final int WEIGHTS_OF_A_LAYER = 12;

  /** A prime beyond the vocabulary: consecutive tokens have nothing to do with each other. */
  private static final long STEP = 7_368_787;

  /** What the modes of MiniLM-L6 begin with. */
  public static final String MINILM = "minilm";

  private static final String BERT_BASE = "bert-base";

  /** What a mode ends with whose weights are packed to 2 bits. */
  public static final String TERNARY = ".ternary";

  private static final double WEIGHTS_OF_A_BYTE = 4;

  // A value that falls on the other side of a rounding is off by a 127th of the largest one.
  private static final double TERNARY_TOLERANCE = 0.02;

  EncoderCases() {
    super(
        "encoder", "batch x length", List.of(MINILM, MINILM + TERNARY, BERT_BASE + TERNARY), 2, 5);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    int batch = (int) size[0];
    int length = (int) size[1];
    boolean ternary = mode.endsWith(TERNARY);
    PackedModel packed =
        !ternary
            ? null
            : mode.startsWith(MINILM)
                ? EncoderModels.packedMinilm()
                : EncoderModels.packedBertBase();
    BertConfig config = ternary ? packed.config() : EncoderModels.minilm().config();
    double tokens = (double) batch * length;
    double width = config.hidden();
    double weights = config.layers() * WEIGHTS_OF_A_LAYER * width * width;
    double flops = tokens * (2 * weights + 4 * config.layers() * length * width);
    to.indices("ids", (long) batch * length, i -> 1 + i * STEP % (config.vocabulary() - 1))
        .indices("types", (long) batch * length, i -> 0)
        .indices("positions", (long) batch * length, i -> i % length);
    if (ternary) {
      double bytes = weights / WEIGHTS_OF_A_BYTE;
      to.output("logits", batch, EncoderModels.LABELS, TERNARY_TOLERANCE, Part.WHOLE)
          .resident((long) bytes)
          .work(new Work(Work.Arithmetic.INT8_DOT, flops, bytes + Float.BYTES * tokens * width, 0))
          .call((limbeck, t) -> packed(limbeck, t, packed, batch, length));
      return;
    }
    to.output("hidden", (long) batch * length, config.hidden(), TOLERANCE, Part.WHOLE)
        .resident((long) (Float.BYTES * weights))
        .work(Work.f32(flops, weights + tokens * width, tokens * width))
        .call((limbeck, t) -> encoder(limbeck, t, batch, length));
  }

  private static Runnable packed(
      Limbeck limbeck, Case t, PackedModel model, int batch, int length) {
    Compute compute = t.own(new Compute(limbeck));
    PackedClassifier network =
        new PackedClassifier(compute, model, GemmTernary.Activations.I8_ROW, batch, length);
    TokenBatch tokens = tokens(t, batch, length);
    Matrix logits = t.of("logits");
    return () -> logits.copyFrom(network.forward(tokens));
  }

  private static TokenBatch tokens(Case t, int batch, int length) {
    int[] lengths = new int[batch];
    Arrays.fill(lengths, length);
    HostMemory host = t.own(new HostMemory());
    return new TokenBatch(
        batch, length, t.of("ids"), t.of("types"), t.of("positions"), host.copyOf(lengths));
  }

  private static Runnable encoder(Limbeck limbeck, Case t, int batch, int length) {
    Compute compute = t.own(new Compute(limbeck));
    PretrainedModel model = EncoderModels.minilm();
    BertClassifier encoder =
        new BertClassifier(compute, model.config(), EncoderModels.LABELS, Quantization.NONE);
    encoder.load(model, 1);
    Activations activations = encoder.newActivations(compute, batch, length, false);
    TokenBatch tokens = tokens(t, batch, length);
    int layers = model.config().layers();
    Matrix hidden = t.of("hidden");
    return () -> {
      encoder.embed(tokens, activations, Pass.EVALUATION);
      for (int l = 0; l < layers; l++) {
        encoder.layer(l, activations);
      }
      hidden.copyFrom(activations.tensor(Tap.HIDDEN, layers));
    };
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.Arrays;
import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.Tap;
import org.limbeck.training.io.ModelCatalog;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.TokenBatch;

/**
 * No kernel but what kernels make together: the inference of MiniLM-L6 with its own weights, word
 * pieces to hidden states, sequences without padding.
 *
 * <p>A token takes 24 D^2 + 4 S D flops in each of the layers, D the width and S the length; the
 * weights of the layers are read once a call.
 */
final class EncoderCases extends StemCases {
  private static final double TOLERANCE = 1e-4;
  private static final int WEIGHTS_OF_A_LAYER = 12;

  /** A prime beyond the vocabulary: consecutive tokens have nothing to do with each other. */
  private static final long STEP = 7_368_787;

  EncoderCases() {
    super("encoder", "batch x length", List.of("minilm"), 2, 5);
  }

  /** Read once and for as long as the process runs: every binding copies from it. */
  private static final class Model {
    static final PretrainedModel MINILM =
        ModelCatalog.standard().load(ModelCatalog.DEFAULT, new HostMemory());
  }

  @Override
  void build(String mode, long[] size, Case to) {
    int batch = (int) size[0];
    int length = (int) size[1];
    BertConfig config = Model.MINILM.config();
    double tokens = (double) batch * length;
    double width = config.hidden();
    double weights = config.layers() * WEIGHTS_OF_A_LAYER * width * width;
    to.indices("ids", (long) batch * length, i -> 1 + i * STEP % (config.vocabulary() - 1))
        .indices("types", (long) batch * length, i -> 0)
        .indices("positions", (long) batch * length, i -> i % length)
        .output("hidden", (long) batch * length, config.hidden(), TOLERANCE, Part.WHOLE)
        .resident((long) (Float.BYTES * weights))
        .work(
            Work.f32(
                tokens * (2 * weights + 4 * config.layers() * length * width),
                weights + tokens * width,
                tokens * width))
        .call((limbeck, t) -> encoder(limbeck, t, batch, length));
  }

  private static Runnable encoder(Limbeck limbeck, Case t, int batch, int length) {
    Compute compute = t.own(new Compute(limbeck));
    HostMemory host = t.own(new HostMemory());
    PretrainedModel model = Model.MINILM;
    BertClassifier encoder = new BertClassifier(compute, model.config(), 2, Quantization.NONE);
    encoder.load(model, 1);
    Activations activations = encoder.newActivations(compute, batch, length, false);
    int[] lengths = new int[batch];
    Arrays.fill(lengths, length);
    TokenBatch tokens =
        new TokenBatch(
            batch, length, t.of("ids"), t.of("types"), t.of("positions"), host.copyOf(lengths));
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

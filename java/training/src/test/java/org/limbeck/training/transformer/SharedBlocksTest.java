// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.NormalVariates;
import org.limbeck.training.distill.TranslationLosses;
import org.limbeck.training.distill.TranslationTraining;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.LayerFactory;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;

/** What sharing means: swapped queries and keys, summed gradients, dropout of each use. */
class SharedBlocksTest {
  private static final int[] SOURCE_LENGTHS = {7, 3, 1, 5};
  private static final int[] TARGET_LENGTHS = {4, 6, 2, 1};
  private static final Capacity CAPACITY = Capacity.of(4, 7);

  private static float[] random(int count, long seed) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) NormalVariates.at(seed, 0, i);
    }
    return values;
  }

  private static Matrix upload(Compute compute, int rows, int cols, long seed) {
    Matrix matrix = compute.memory().matrix(DType.F32, rows, cols);
    float[] values = random(rows * cols, seed);
    Tensors.upload(compute.memory(), matrix, i -> values[(int) i]);
    return matrix;
  }

  /** On one input the scores of the second pass are those of the first, transposed. */
  @Test
  void scoresOfTheSecondPassAreTransposed() {
    TransformerConfig config = RandomTransformer.config("pet");
    Stack stack = config.encoder();
    int length = 6;
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        SequenceBuffers buffers = new SequenceBuffers(compute.memory(), CAPACITY)) {
      ParameterSet set = new ParameterSet(compute.memory());
      EncoderLayer[] layers = new Blocks(compute, config, new LayerFactory(compute, set)).encoder();
      long stream = 0;
      for (Parameter parameter : set.all()) {
        long s = stream++;
        Tensors.upload(
            compute.memory(), parameter.value(), i -> (float) (0.3 * NormalVariates.at(1, s, i)));
      }
      SequenceBatch batch =
          buffers.fill(RandomTransformer.sentences(new int[] {length, length}, 20, 2));
      Matrix x = upload(compute, 2 * length, stack.width(), 3);
      float[][] scores = new float[layers.length][];
      for (int l = 0; l < layers.length; l++) {
        Scratch scratch = Scratch.forEncoder(compute.memory(), stack, CAPACITY);
        Matrix y = compute.memory().matrix(DType.F32, x.rows(), x.cols());
        EncoderLayer.Saved saved = layers[l].newSaved(compute, CAPACITY);
        layers[l].forward(x, y, batch, saved, scratch, Pass.EVALUATION);
        scores[l] = Tensors.download(compute.memory(), scratch.maps.view());
      }
      for (int block = 0; block < 2; block++) {
        float[] first = scores[block];
        float[] second = scores[block + 2];
        assertEquals(2 * stack.heads() * length * length, first.length);
        boolean symmetric = true;
        for (int i = 0; i < first.length; i++) {
          int q = i / length % length;
          int k = i % length;
          int mirrored = i + (k - q) * length + q - k;
          assertEquals(first[i], second[mirrored], 1e-5 * (1 + Math.abs(first[i])));
          symmetric &= Math.abs(first[i] - first[mirrored]) < 1e-3;
        }
        assertTrue(!symmetric, "the scores are their own transpose");
      }
    }
  }

  /** The untied copy of a model: a block of its own for each executed layer and query. */
  private static TransformerConfig untied(TransformerConfig config) {
    return config
        .withEncoder(untied(config.encoder()))
        .withDecoder(untied(config.decoder()))
        .withTying(QueryTying.NONE);
  }

  private static Stack untied(Stack stack) {
    return new Stack(
        stack.width(),
        stack.feedForward(),
        stack.heads(),
        stack.layers(),
        IntStream.rangeClosed(1, stack.layers()).boxed().toList(),
        stack.swapped());
  }

  /** Returns the name in a shared model of a parameter of its untied copy. */
  private static String shared(String name, TransformerConfig config) {
    String[] parts = name.split("\\.");
    if (!parts[1].equals("layers")) {
      return name;
    }
    Stack stack = parts[0].equals("encoder") ? config.encoder() : config.decoder();
    int block = stack.block(Integer.parseInt(parts[2]));
    parts[2] = Integer.toString(block);
    if (parts[3].equals("encoder_attn")
        && parts[4].equals("q_proj")
        && config.tying().ties(block)) {
      parts[3] = "self_attn";
    }
    return String.join(".", parts);
  }

  @ParameterizedTest
  @CsvSource({"pet, 0", "pet, 0.3", "first_tied, 0.3", "swapped_decoder, 0.3"})
  void gradientsAreTheSumsOverAnUntiedCopy(String kind, double dropout) {
    TransformerConfig config = RandomTransformer.config(kind);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      Transformer model = new Transformer(compute, config);
      RandomTransformer.randomise(compute, model, 1);
      Transformer copy = new Transformer(compute, untied(config));
      for (Parameter parameter : copy.parameters().all()) {
        Parameter source = model.parameters().byName().get(shared(parameter.name(), config));
        compute.memory().copy(source.value(), parameter.value());
      }
      Pass pass = new Pass(dropout, 11, 4);
      double loss = step(compute, model, pass);
      // With dropout, equal losses say that an executed layer has the same masks in both.
      assertEquals(loss, step(compute, copy, pass), 1e-9);

      Map<String, double[]> sums = new LinkedHashMap<>();
      Map<String, Integer> uses = new LinkedHashMap<>();
      for (Parameter parameter : copy.parameters().all()) {
        float[] gradient = Tensors.download(compute.memory(), parameter.gradient());
        String name = shared(parameter.name(), config);
        double[] sum = sums.computeIfAbsent(name, n -> new double[gradient.length]);
        for (int i = 0; i < gradient.length; i++) {
          sum[i] += gradient[i];
        }
        uses.merge(name, 1, Integer::sum);
      }
      assertEquals(model.parameters().byName().keySet(), sums.keySet());
      boolean first = config.tying() == QueryTying.FIRST;
      assertEquals(4, uses.get("decoder.layers.0.self_attn.q_proj.weight"));
      assertEquals(first ? 2 : 4, uses.get("decoder.layers.1.self_attn.q_proj.weight"));
      assertEquals(2, uses.get("encoder.layers.0.self_attn.q_proj.weight"));
      for (Parameter parameter : model.parameters().all()) {
        float[] got = Tensors.download(compute.memory(), parameter.gradient());
        double[] want = sums.get(parameter.name());
        double norm = Math.sqrt(Arrays.stream(want).map(g -> g * g).sum());
        for (int i = 0; i < got.length; i++) {
          assertEquals(want[i], got[i], 1e-5 * norm + 1e-7, parameter.name());
        }
      }
    }
  }

  private static double step(Compute compute, Transformer model, Pass pass) {
    TransformerConfig config = model.config();
    List<int[]> sources = RandomTransformer.sentences(SOURCE_LENGTHS, config.sourceVocabulary(), 3);
    List<int[]> targets = RandomTransformer.sentences(TARGET_LENGTHS, config.targetVocabulary(), 4);
    try (TranslationBuffers buffers = new TranslationBuffers(compute.memory(), CAPACITY);
        TranslationTraining training =
            new TranslationTraining(
                compute, model, null, TranslationLosses.crossEntropy(), CAPACITY)) {
      model.parameters().zeroGradients();
      return training.step(buffers.fill(sources, targets), pass).total();
    }
  }

  /** Outputs of sub-layers that are a large constant show where dropout dropped them. */
  @Test
  void everyUseOfDropoutHasAMaskOfItsOwn() {
    TransformerConfig config = RandomTransformer.SMALL.pet(32);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        TranslationBuffers buffers = new TranslationBuffers(compute.memory(), CAPACITY)) {
      Transformer model = new Transformer(compute, config);
      for (Parameter parameter : model.parameters().all()) {
        String name = parameter.name();
        boolean large = name.endsWith("out_proj.bias") || name.endsWith("fc2.bias");
        Tensors.upload(compute.memory(), parameter.value(), i -> large ? 1000 : 0);
      }
      List<int[]> sources = RandomTransformer.sentences(SOURCE_LENGTHS, 23, 3);
      // As long as the sources, so that masks of both sides cover as many rows.
      List<int[]> targets = RandomTransformer.sentences(SOURCE_LENGTHS, 19, 4);
      try (Activations a = model.newActivations(compute, CAPACITY, true)) {
        model.forward(buffers.fill(sources, targets), a, new Pass(0.3, 5, 6));
        List<Matrix> sums = new ArrayList<>();
        for (EncoderLayer.Saved saved : a.encoder.layers) {
          sums.add(saved.attention.sum.view());
          sums.add(saved.feedForward.sum.view());
        }
        for (DecoderStack.Run<?> run : a.decoder) {
          StandardDecoderLayer.Saved saved = (StandardDecoderLayer.Saved) run.saved();
          sums.add(saved.self.sum.view());
          sums.add(saved.cross.sum.view());
          sums.add(saved.feedForward.sum.view());
        }
        Set<List<Boolean>> masks = new HashSet<>();
        for (Matrix sum : sums) {
          float[] values = Tensors.download(compute.memory(), sum);
          // The masks of both widths begin at element 0 of their streams.
          masks.add(IntStream.range(0, 500).mapToObj(i -> values[i] > 500).toList());
        }
        assertEquals(4 * 2 + 4 * 3, sums.size());
        assertEquals(sums.size(), masks.size());
      }
    }
  }
}

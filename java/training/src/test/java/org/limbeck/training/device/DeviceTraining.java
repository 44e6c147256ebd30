// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.RandomBert;
import org.limbeck.training.checkpoint.Checkpoint;
import org.limbeck.training.distill.Distillation;
import org.limbeck.training.distill.LossConfiguration;
import org.limbeck.training.distill.PatienceMapping;
import org.limbeck.training.distill.Supervised;
import org.limbeck.training.distill.TranslationLosses;
import org.limbeck.training.distill.TranslationTraining;
import org.limbeck.training.distill.WarmupLabeler;
import org.limbeck.training.distill.WarmupLabels;
import org.limbeck.training.distill.WarmupTraining;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;
import org.limbeck.training.transformer.BeamOptions;
import org.limbeck.training.transformer.BeamSearch;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.Hypothesis;
import org.limbeck.training.transformer.RandomTransformer;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TransformerConfig;
import org.limbeck.training.transformer.TranslationBuffers;

/** What the training layer computes on a device, beside the same on the host. */
abstract class DeviceTraining {
  private static final BertConfig BERT = new BertConfig(1, 16, 2, 24, 30, 12, 2, 1e-12);
  private static final int[] LENGTHS = {7, 3, 1};
  private static final int LENGTH = 7;
  private static final int[] SOURCE_LENGTHS = {5, 2};
  private static final int[] TARGET_LENGTHS = {3, 4};
  private static final int STEPS = 2;

  /** A rate at which each step moves parameters by more than the bounds of comparisons. */
  private static final double RATE = 1e-3;

  @TempDir private Path directory;
  private Limbeck host;
  private Limbeck device;

  /** Opens the library on the device. */
  abstract Limbeck openDevice();

  /** Returns the precision of products on the device. */
  GemmF32.Precision precision() {
    return GemmF32.Precision.F32;
  }

  private Compute newCompute(Limbeck limbeck) {
    return limbeck == host ? new Compute(host) : new Compute(limbeck, precision());
  }

  /** Called after each step on the device. */
  void stepped() {}

  /**
   * Compares what a training run left.
   *
   * @param quantized whether rounding may go the other way, here and there
   */
  abstract void assertAgree(Outcome want, Outcome got, boolean quantized);

  /**
   * What a training run left.
   *
   * @param losses the loss of each step
   * @param gradients those of the last step, by parameter
   * @param values the parameters
   * @param begin the parameters before
   */
  record Outcome(
      double[] losses,
      Map<String, float[]> gradients,
      Map<String, float[]> values,
      Map<String, float[]> begin) {}

  @BeforeEach
  void open() {
    device = openDevice();
    host = Limbeck.open(List.of("scalar"), 1);
  }

  @AfterEach
  void close() {
    if (device != null) {
      device.close();
      host.close();
    }
  }

  private interface Step {
    double run(Pass pass);
  }

  private Outcome train(
      Compute compute, ParameterSet parameters, Optimizer optimizer, Runnable refresh, Step step) {
    Map<String, float[]> begin = all(compute, parameters, Parameter::value);
    double[] losses = new double[STEPS];
    for (int i = 0; i < STEPS; i++) {
      parameters.zeroGradients();
      losses[i] = step.run(new Pass(0.1, 42, i));
      optimizer.step();
      refresh.run();
      if (!compute.memory().device().isHost()) {
        stepped();
      }
    }
    return new Outcome(
        losses,
        all(compute, parameters, Parameter::gradient),
        all(compute, parameters, Parameter::value),
        begin);
  }

  private static Map<String, float[]> all(
      Compute compute, ParameterSet parameters, Function<Parameter, Matrix> what) {
    Map<String, float[]> found = new LinkedHashMap<>();
    for (Parameter parameter : parameters.all()) {
      found.put(parameter.name(), Tensors.download(compute.memory(), what.apply(parameter)));
    }
    return found;
  }

  private void assertSameOnDevice(Function<Limbeck, Outcome> run, boolean quantized) {
    Outcome want = run.apply(host);
    Outcome got = run.apply(device);
    assertEquals(want.values().keySet(), got.values().keySet());
    assertAgree(want, got, quantized);
  }

  private static TokenBatch batch(Compute compute, HostMemory memory) {
    TokenBatch here = RandomBert.Tokens.random(LENGTHS, LENGTH, BERT.vocabulary(), 3).on(memory);
    return new TokenBatch(
        here.batch(),
        here.length(),
        moved(compute, here.tokens()),
        moved(compute, here.types()),
        moved(compute, here.positions()),
        moved(compute, here.lengths()));
  }

  private static Matrix moved(Compute compute, Matrix here) {
    Matrix there = compute.memory().matrix(here.type(), here.rows(), here.cols());
    compute.memory().upload(here, there);
    return there;
  }

  private static BertClassifier bert(
      Compute compute, int labels, Quantization quantization, long seed) {
    BertClassifier network = new BertClassifier(compute, BERT, labels, quantization);
    RandomBert.randomise(compute, network, seed);
    return network;
  }

  private static Optimizer bertAdam(Compute compute, BertClassifier network) {
    return Optimizer.bertAdam(compute, network.parameters(), RATE, Schedule.CONSTANT);
  }

  @ParameterizedTest
  @CsvSource({
    "map+output, TERNARY",
    "map+output, NONE",
    "baseline+context+self_output, TERNARY",
    "baseline+context+self_output, NONE"
  })
  void stepsOfQatKd(String losses, String quantization) {
    boolean quantized = quantization.equals("TERNARY");
    assertSameOnDevice(
        limbeck -> {
          try (Compute compute = newCompute(limbeck);
              HostMemory memory = new HostMemory()) {
            BertClassifier teacher = bert(compute, 3, Quantization.NONE, 1);
            BertClassifier student =
                bert(compute, 3, quantized ? Quantization.TERNARY : Quantization.NONE, 2);
            TokenBatch batch = batch(compute, memory);
            try (Distillation distillation =
                new Distillation(
                    compute,
                    student,
                    teacher,
                    LossConfiguration.parse(losses),
                    LENGTHS.length,
                    LENGTH)) {
              return train(
                  compute,
                  student.parameters(),
                  bertAdam(compute, student),
                  student::refreshWeights,
                  pass -> distillation.step(batch, pass).total());
            }
          }
        },
        quantized);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void stepsOfFineTuning(int labels) {
    float[] answers = labels == 1 ? new float[] {0.3f, -2, 1.5f} : new float[] {2, 0, 1};
    assertSameOnDevice(
        limbeck -> {
          try (Compute compute = newCompute(limbeck);
              HostMemory memory = new HostMemory()) {
            BertClassifier network = bert(compute, labels, Quantization.NONE, 2);
            TokenBatch batch = batch(compute, memory);
            try (Supervised training = new Supervised(compute, network, LENGTHS.length, LENGTH)) {
              return train(
                  compute,
                  network.parameters(),
                  bertAdam(compute, network),
                  network::refreshWeights,
                  pass -> training.step(batch, answers, pass));
            }
          }
        },
        false);
  }

  private static final class Sentences {
    final List<int[]> sources;
    final List<int[]> targets;
    final int[] pairs = IntStream.range(0, SOURCE_LENGTHS.length).toArray();
    final Capacity capacity = Capacity.of(SOURCE_LENGTHS.length, 5);

    Sentences(TransformerConfig config) {
      sources = RandomTransformer.sentences(SOURCE_LENGTHS, config.sourceVocabulary(), 3);
      targets = RandomTransformer.sentences(TARGET_LENGTHS, config.targetVocabulary(), 4);
    }
  }

  private static Transformer transformer(Compute compute, TransformerConfig config, long seed) {
    Transformer model = new Transformer(compute, config);
    RandomTransformer.randomise(compute, model, seed);
    return model;
  }

  private static Optimizer adamW(Compute compute, ParameterSet parameters) {
    return Optimizer.adamWOfAll(
        compute, parameters, new AdamW.Spec(0.9, 0.98, 1e-8, 1e-4), RATE, Schedule.CONSTANT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pet", "standard", "compressed"})
  void stepsOfTranslation(String kind) {
    TransformerConfig config = RandomTransformer.config(kind);
    // Hidden states are compared where the student has layers enough and the teacher's widths.
    TranslationLosses losses =
        kind.equals("compressed")
            ? TranslationLosses.knowledgeDistillation(0.3, 2)
            : TranslationLosses.patient(0.3, 2, 20, PatienceMapping.SKIP);
    Sentences sentences = new Sentences(config);
    assertSameOnDevice(
        limbeck -> {
          try (Compute compute = newCompute(limbeck);
              TranslationBuffers buffers =
                  new TranslationBuffers(compute.memory(), sentences.capacity)) {
            Transformer student = transformer(compute, config, 1);
            Transformer teacher = transformer(compute, RandomTransformer.SMALL.unshared(16, 4), 2);
            try (TranslationTraining training =
                new TranslationTraining(compute, student, teacher, losses, sentences.capacity)) {
              return train(
                  compute,
                  student.parameters(),
                  adamW(compute, student.parameters()),
                  () -> {},
                  pass ->
                      training
                          .step(buffers.fill(sentences.sources, sentences.targets), pass)
                          .total());
            }
          }
        },
        false);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void stepsOfTheWarmup(boolean fourWayHead) {
    TransformerConfig config = RandomTransformer.config("pet");
    Sentences sentences = new Sentences(config);
    List<byte[]> classes = new ArrayList<>();
    assertSameOnDevice(
        limbeck -> {
          try (Compute compute = newCompute(limbeck);
              TranslationBuffers buffers =
                  new TranslationBuffers(compute.memory(), sentences.capacity)) {
            Transformer student = transformer(compute, config, 1);
            WarmupLabels labels = new WarmupLabels(TARGET_LENGTHS);
            try (WarmupLabeler labeler =
                new WarmupLabeler(compute, student, 0.33, 0.3, sentences.capacity)) {
              labeler.label(
                  buffers.fill(sentences.sources, sentences.targets),
                  sentences.pairs,
                  sentences.targets,
                  labels);
            }
            classes.add(labels.toBytes());
            try (WarmupTraining training =
                new WarmupTraining(compute, student, 0.1, fourWayHead, sentences.capacity)) {
              return train(
                  compute,
                  student.parameters(),
                  adamW(compute, student.parameters()),
                  () -> {},
                  pass ->
                      training.step(
                          buffers.fill(sentences.sources, sentences.targets),
                          sentences.pairs,
                          labels,
                          pass));
            }
          }
        },
        false);
    assertArrayEquals(classes.get(0), classes.get(1));
  }

  /** The same translations, and log probabilities as near as logits are. */
  @ParameterizedTest
  @ValueSource(strings = {"pet", "compressed"})
  void beamSearch(String kind) {
    TransformerConfig config = RandomTransformer.config(kind);
    BeamOptions options = new BeamOptions(2, 1, 1, 2, 8, 2);
    Sentences sentences = new Sentences(config);
    List<List<List<Hypothesis>>> found = new ArrayList<>();
    for (Limbeck limbeck : List.of(host, device)) {
      try (Compute compute = newCompute(limbeck);
          BeamSearch search = new BeamSearch(limbeck, transformer(compute, config, 1), options)) {
        found.add(search.search(sentences.sources));
      }
    }
    for (int i = 0; i < sentences.sources.size(); i++) {
      List<Hypothesis> want = found.get(0).get(i);
      List<Hypothesis> got = found.get(1).get(i);
      assertEquals(want.size(), got.size());
      for (int h = 0; h < want.size(); h++) {
        assertEquals(want.get(h).tokens(), got.get(h).tokens());
        assertEquals(want.get(h).logProbability(), got.get(h).logProbability(), 1e-4);
      }
    }
  }

  /** What is written on a device is read on the host, and the other way round, bit for bit. */
  @Test
  void checkpointsMoveBetweenDevices() {
    Path file = directory.resolve("checkpoint.safetensors");
    try (Compute here = newCompute(host);
        Compute there = newCompute(device)) {
      BertClassifier one = bert(there, 3, Quantization.NONE, 5);
      BertClassifier two = new BertClassifier(here, BERT, 3, Quantization.NONE);
      Optimizer optimizer = bertAdam(there, one);
      Tensors.upload(
          there.memory(), optimizer.secondMoments().get("classifier.weight"), i -> 1f + i);
      Checkpoint.save(file, there.memory(), one.parameters(), optimizer, Map.of());
      Checkpoint.load(file, here.memory(), two.parameters(), bertAdam(here, two));
      assertSameBits(
          all(there, one.parameters(), Parameter::value),
          all(here, two.parameters(), Parameter::value));
      Optimizer restored = bertAdam(here, two);
      Checkpoint.save(file, here.memory(), two.parameters(), restored, Map.of());
      BertClassifier three = new BertClassifier(there, BERT, 3, Quantization.NONE);
      Checkpoint.load(file, there.memory(), three.parameters(), bertAdam(there, three));
      assertSameBits(
          all(here, two.parameters(), Parameter::value),
          all(there, three.parameters(), Parameter::value));
    }
  }

  static void assertSameBits(Map<String, float[]> want, Map<String, float[]> got) {
    assertEquals(want.keySet(), got.keySet());
    want.forEach((name, values) -> assertArrayEquals(values, got.get(name), name));
  }
}

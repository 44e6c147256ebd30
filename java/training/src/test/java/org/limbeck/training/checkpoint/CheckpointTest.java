// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.formats.BadInputException;
import org.limbeck.formats.SafetensorsFile;
import org.limbeck.formats.SafetensorsWriter;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.RandomBert;
import org.limbeck.training.distill.Distillation;
import org.limbeck.training.distill.LossConfiguration;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;

class CheckpointTest {
  private static final BertConfig CONFIG = new BertConfig(2, 24, 3, 40, 50, 16, 2, 1e-12);
  private static final int STEPS = 6;

  @TempDir private Path directory;
  private final Limbeck limbeck = Limbeck.open();
  private final Compute compute = new Compute(limbeck);
  private final HostMemory host = new HostMemory();

  @AfterEach
  void close() {
    host.close();
    compute.close();
    limbeck.close();
  }

  /** A training run in this process: everything a killed one would lose. */
  private final class Run {
    final BertClassifier student = new BertClassifier(compute, CONFIG, 3, Quantization.TERNARY);
    final BertClassifier teacher = new BertClassifier(compute, CONFIG, 3, Quantization.NONE);
    final Optimizer optimizer;

    Run(boolean bert) {
      RandomBert.randomise(compute, teacher, 1);
      RandomBert.randomise(compute, student, 2);
      Schedule schedule = Schedule.warmupLinear(STEPS, 0.1);
      optimizer =
          bert
              ? Optimizer.bertAdam(compute, student.parameters(), 1e-2, schedule)
              : Optimizer.adamW(compute, student.parameters(), 1e-2, schedule);
    }

    void train(int from, int to) {
      LossConfiguration losses = LossConfiguration.parse("map+output");
      try (Distillation distillation = new Distillation(compute, student, teacher, losses, 3, 8)) {
        for (int step = from; step < to; step++) {
          TokenBatch batch = RandomBert.Tokens.random(new int[] {8, 5, 3}, 8, 50, step).on(host);
          student.parameters().zeroGradients();
          distillation.step(batch, new Pass(0.1, 42, step));
          optimizer.step();
          student.refreshWeights();
        }
      }
    }

    void save(Path file) {
      Checkpoint.save(
          file, compute.memory(), student.parameters(), optimizer, Map.of("best", "0.5"));
    }

    Map<String, String> load(Path file) {
      Map<String, String> notes =
          Checkpoint.load(file, compute.memory(), student.parameters(), optimizer);
      student.refreshWeights();
      return notes;
    }

    Map<String, float[]> values() {
      return valuesOf(student.parameters());
    }
  }

  private Map<String, float[]> valuesOf(ParameterSet parameters) {
    Map<String, float[]> values = new LinkedHashMap<>();
    for (Parameter parameter : parameters.all()) {
      values.put(parameter.name(), Tensors.download(compute.memory(), parameter.value()));
    }
    return values;
  }

  private static void assertSame(Map<String, float[]> want, Map<String, float[]> got) {
    assertEquals(want.keySet(), got.keySet());
    want.forEach((name, values) -> assertArrayEquals(values, got.get(name), name));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aRunGoesOnBitForBit(boolean bert) {
    Run uninterrupted = new Run(bert);
    uninterrupted.train(0, STEPS);
    Path file = directory.resolve("run.safetensors");
    Run first = new Run(bert);
    first.train(0, 3);
    first.save(file);

    Run second = new Run(bert);
    // Anything that the file does not bring back would show.
    second.train(3, 4);
    assertEquals(Map.of("best", "0.5"), second.load(file));
    assertEquals(3, second.optimizer.steps());
    assertSame(first.values(), second.values());
    second.train(3, STEPS);
    assertSame(uninterrupted.values(), second.values());
    assertFalse(
        Arrays.equals(
            first.values().get("classifier.weight"), second.values().get("classifier.weight")));
  }

  @Test
  void valuesAloneCanBeReadBack() {
    Run run = new Run(true);
    run.train(0, 2);
    Path file = directory.resolve("student.safetensors");
    Checkpoint.save(file, compute.memory(), run.student.parameters(), null, Map.of());
    BertClassifier other = new BertClassifier(compute, CONFIG, 3, Quantization.NONE);
    assertEquals(Map.of(), Checkpoint.load(file, compute.memory(), other.parameters(), null));
    assertSame(run.values(), valuesOf(other.parameters()));
    assertRefused(
        () -> run.load(file),
        file
            + " has no tensor first_moment.embeddings.word_embeddings.weight: it is of another"
            + " network, or not a checkpoint");
  }

  private static void assertRefused(Runnable load, String message) {
    String given = assertThrows(BadInputException.class, load::run).getMessage();
    assertEquals(1, given.lines().count(), given);
    assertTrue(given.startsWith(message), given);
  }

  @Test
  void aTruncatedFileIsRefusedAndNothingIsOverwritten() throws IOException {
    Run run = new Run(true);
    Path file = directory.resolve("run.safetensors");
    run.save(file);
    run.train(0, 2);
    Map<String, float[]> before = run.values();
    byte[] whole = Files.readAllBytes(file);
    for (int length : new int[] {0, 4, 8, 100, whole.length / 2, whole.length - 1}) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertRefused(() -> run.load(file), file.toString());
      assertSame(before, run.values());
      assertEquals(2, run.optimizer.steps());
    }
    Files.delete(file);
    assertRefused(() -> run.load(file), file.toString());
  }

  @Test
  void aFileOfAnotherNetworkIsRefused() {
    Path file = directory.resolve("run.safetensors");
    new Run(true).save(file);
    BertConfig wider = new BertConfig(2, 24, 3, 48, 50, 16, 2, 1e-12);
    BertClassifier other = new BertClassifier(compute, wider, 3, Quantization.NONE);
    assertRefused(
        () -> Checkpoint.load(file, compute.memory(), other.parameters(), null),
        file
            + ": tensor parameter.encoder.layer.0.intermediate.dense.weight has shape [40, 24],"
            + " expected [48, 24]: it is of another network");
    BertConfig deeper = new BertConfig(3, 24, 3, 40, 50, 16, 2, 1e-12);
    BertClassifier deep = new BertClassifier(compute, deeper, 3, Quantization.NONE);
    assertRefused(
        () -> Checkpoint.load(file, compute.memory(), deep.parameters(), null),
        file
            + " has no tensor parameter.encoder.layer.2.attention.self.query.weight: it is of"
            + " another network, or not a checkpoint");
    // Nothing of the layers that are there was taken.
    valuesOf(deep.parameters())
        .forEach((name, values) -> assertArrayEquals(new float[values.length], values, name));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "three", "-1"})
  void aFileWithoutANumberOfStepsIsRefused(String steps) {
    Run run = new Run(true);
    Path file = directory.resolve("run.safetensors");
    run.save(file);
    Map<String, SafetensorsWriter.Entry> tensors = new LinkedHashMap<>();
    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
      opened
          .tensors()
          .forEach(
              (name, view) ->
                  tensors.put(name, SafetensorsWriter.Entry.of(view.copyAsFloats(host))));
    }
    Path edited = directory.resolve("edited.safetensors");
    SafetensorsWriter.write(edited, tensors, Map.of("limbeck.steps", steps));
    assertRefused(
        () -> run.load(edited),
        edited + " does not say after how many steps it was written: it is not a checkpoint");
  }

  @Test
  void anEarlierFileSurvivesAFailedSave() throws IOException {
    Run run = new Run(true);
    Path nowhere = directory.resolve("nowhere").resolve("run.safetensors");
    Files.writeString(directory.resolve("nowhere"), "a file where a directory should be");
    assertRefused(() -> run.save(nowhere), nowhere.toString());
    assertEquals(
        "a file where a directory should be", Files.readString(directory.resolve("nowhere")));
    Path file = directory.resolve("run.safetensors");
    run.save(file);
    run.train(0, 1);
    run.save(file);
    Run other = new Run(true);
    other.load(file);
    assertSame(run.values(), other.values());
    try (var files = Files.list(directory)) {
      // Nothing lies beside the file.
      assertEquals(2, files.count());
    }
  }
}

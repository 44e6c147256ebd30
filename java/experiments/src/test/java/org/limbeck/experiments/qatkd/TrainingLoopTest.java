// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.experiments.TinyInput;
import org.limbeck.experiments.report.Progress;
import org.limbeck.experiments.run.OutputDirectory;
import org.limbeck.experiments.run.TrainingLoop;
import org.limbeck.experiments.run.TrainingState;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.data.Batch;
import org.limbeck.training.data.Batches;
import org.limbeck.training.data.Task;
import org.limbeck.training.data.WordPieceTokenizer;
import org.limbeck.training.distill.Supervised;
import org.limbeck.training.io.HuggingFaceDirectory;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;

/** Interrupted training, and what becomes of the networks. */
class TrainingLoopTest {
  private static final long STEPS = 12;
  private static final long SEED = 5;

  @TempDir private Path directory;

  private static final class PowerCut extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private static Settings settings(String task) {
    return new Settings(
        "tiny",
        List.of(task),
        List.of("map"),
        List.of(SEED),
        1e-3,
        3,
        1e-3,
        3,
        SEED,
        16,
        24,
        "longest",
        0,
        3,
        2,
        0,
        1,
        "host",
        false);
  }

  private static TokenizedTask read(Task task, Path glue, PretrainedModel model) {
    try (WordPieceTokenizer tokenizer = new WordPieceTokenizer(model.vocabulary())) {
      return TokenizedTask.read(task, glue, settings(task.id()), tokenizer, model.config());
    }
  }

  /** Trains in a folder; breaks before a step, or never if it is negative. */
  private TrainingState train(Path folder, long breakBefore) throws IOException {
    Files.createDirectories(folder);
    Path input = directory.resolve("input");
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck);
        HostMemory host = new HostMemory()) {
      PretrainedModel model = HuggingFaceDirectory.read(TinyInput.model(input), host);
      TokenizedTask data = read(Task.COLA, TinyInput.glue(input), model);
      BertClassifier network = new BertClassifier(compute, model.config(), 2, Quantization.TERNARY);
      network.load(model, SEED);
      Evaluator evaluator = new Evaluator(compute, host, data);
      Optimizer optimizer =
          Optimizer.bertAdam(
              compute, network.parameters(), 1e-3, Schedule.warmupLinear(STEPS, 0.1));
      try (Supervised supervised = new Supervised(compute, network, data.batch(), data.length());
          Progress progress = Progress.start("test", "steps", STEPS, true)) {
        Batches batches = data.trainBatches(host);
        BatchUpload upload = new BatchUpload(compute.memory(), data.batch(), data.length());
        return new TrainingLoop(
                compute,
                network.parameters(),
                network::refreshWeights,
                optimizer,
                new TrainingLoop.Plan(STEPS, 4, 0, 0),
                folder)
            .run(
                number -> {
                  if (number == breakBefore) {
                    throw new PowerCut();
                  }
                  Batch batch = batches.training(SEED, number);
                  Pass pass = new Pass(0.1, SEED, number);
                  return Map.of("label", supervised.step(upload.run(batch), batch.labels(), pass));
                },
                () -> evaluator.run(network),
                progress);
      }
    }
  }

  @Test
  void aRunThatBreaksAtAnyStepEndsWithTheSameBits() throws IOException {
    Path whole = directory.resolve("whole");
    TrainingState expected = train(whole, -1);
    assertEquals(List.of(4L, 8L, 12L), expected.curve().stream().map(p -> p.step()).toList());
    for (long step : new long[] {0, 1, 4, 7, STEPS - 1}) {
      Path broken = directory.resolve("broken-" + step);
      assertThrows(PowerCut.class, () -> train(broken, step));
      assertNull(TrainingLoop.finishedState(broken));
      assertEquals(step > 0, Files.exists(broken.resolve("checkpoint.safetensors")));
      TrainingState state = train(broken, -1);
      assertEquals(expected.curve(), state.curve());
      assertEquals(expected.bestStep(), state.bestStep());
      assertNotNull(TrainingLoop.finishedState(broken));
      assertFalse(Files.exists(broken.resolve("checkpoint.safetensors")));
      assertArrayEquals(
          Files.readAllBytes(TrainingLoop.best(whole)),
          Files.readAllBytes(TrainingLoop.best(broken)),
          "broken before step " + step);
    }
  }

  @Test
  void anExportedNetworkReadsBackAndScoresTheSame() {
    Path input = directory.resolve("input");
    Path run = directory.resolve("run");
    TinyInput.glue(input);
    TinyInput.model(input);
    // A regression, whose metric shows the smallest change.
    try (Limbeck limbeck = Limbeck.open();
        HostMemory host = new HostMemory();
        OutputDirectory out = OutputDirectory.open(run, settings("stsb"), false)) {
      PretrainedModel model = HuggingFaceDirectory.read(input, host);
      TokenizedTask data = read(Task.STSB, input, model);
      Experiment.Outcome outcome =
          new Experiment(
                  limbeck,
                  model,
                  settings("stsb"),
                  out,
                  new PrintWriter(new StringWriter()),
                  new Experiment.Conduct(30, true, null, true))
              .run(data);
      assertScores(
          limbeck,
          data,
          Folders.teacher(out, "stsb"),
          Quantization.NONE,
          outcome,
          Experiment.TEACHER);
      assertScores(
          limbeck,
          data,
          Folders.student(out, "stsb", "map", SEED),
          Quantization.TERNARY,
          outcome,
          "map");
    }
  }

  private static void assertScores(
      Limbeck limbeck,
      TokenizedTask data,
      Path run,
      Quantization quantization,
      Experiment.Outcome outcome,
      String configuration) {
    try (Compute compute = new Compute(limbeck);
        HostMemory host = new HostMemory()) {
      PretrainedModel read = HuggingFaceDirectory.read(ModelExport.folder(run), host);
      assertTrue(read.tensors().containsKey("classifier.weight"));
      BertClassifier network = new BertClassifier(compute, read.config(), 1, quantization);
      network.load(read, 0);
      assertEquals(
          outcome.curves().get(configuration).best().value(),
          new Evaluator(compute, host, data).run(network).value(),
          0);
    }
  }
}

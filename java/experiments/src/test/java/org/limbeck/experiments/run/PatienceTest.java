// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.experiments.report.Progress;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.training.data.MetricResult;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;

/** Training that ends when evaluations no longer gain. */
class PatienceTest {
  /** What evaluations find: the best is the second, at step 4. */
  private static final List<Double> SCORES = List.of(1.0, 3.0, 2.0, 3.0, 2.5, 9.0, 9.5);

  @TempDir private Path directory;

  private static final class PowerCut extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private TrainingState train(Path folder, int patience, long breakBefore) throws IOException {
    Files.createDirectories(folder);
    try (Limbeck limbeck = Limbeck.open();
        Compute compute = new Compute(limbeck)) {
      ParameterSet parameters = new ParameterSet(compute.memory());
      Parameter weight = parameters.add("weight", 1, 3);
      Optimizer optimizer =
          Optimizer.adamWOfAll(
              compute, parameters, AdamW.Spec.DEFAULT, 0.1, Schedule.inverseSquareRoot(2));
      try (Progress progress = Progress.start("test", "steps", 14, true)) {
        return new TrainingLoop(
                compute,
                parameters,
                () -> {},
                optimizer,
                new TrainingLoop.Plan(14, 2, patience, 0),
                folder)
            .run(
                number -> {
                  if (number == breakBefore) {
                    throw new PowerCut();
                  }
                  Tensors.upload(compute.memory(), weight.gradient(), i -> number + i + 1f);
                  return Map.of("loss", 1.0 / (number + 1));
                },
                () -> {
                  double score = SCORES.get((int) (optimizer.steps() / 2) - 1);
                  return new MetricResult(score, score, Map.of());
                },
                progress);
      }
    }
  }

  @Test
  void endsAfterSoManyEvaluationsWithoutGain() throws IOException {
    TrainingState state = train(directory.resolve("three"), 3, -1);
    assertEquals(10, state.last().step());
    assertEquals(4, state.bestStep());
    assertEquals(3, state.evaluationsSinceBest());
    // An equal score is no gain.
    assertEquals(14, train(directory.resolve("four"), 4, -1).last().step());
    assertEquals(14, train(directory.resolve("never"), 0, -1).last().step());
  }

  @Test
  void anInterruptionDoesNotMoveTheEnd() throws IOException {
    Path whole = directory.resolve("whole");
    TrainingState expected = train(whole, 3, -1);
    for (long step : new long[] {3, 4, 9}) {
      Path broken = directory.resolve("broken-" + step);
      assertThrows(PowerCut.class, () -> train(broken, 3, step));
      assertEquals(expected.curve(), train(broken, 3, -1).curve());
      assertArrayEquals(
          Files.readAllBytes(TrainingLoop.best(whole)),
          Files.readAllBytes(TrainingLoop.best(broken)));
    }
  }
}

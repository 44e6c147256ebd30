// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.experiments.qatkd.TrainingState.Point;
import org.limbeck.experiments.report.Progress;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.checkpoint.Checkpoint;
import org.limbeck.training.data.Batch;
import org.limbeck.training.data.Batches;
import org.limbeck.training.data.MetricResult;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.optim.Optimizer;

/**
 * Trains one network: batches, steps, evaluations, checkpoints. Killed and started again, it ends
 * with the same bits as without the interruption.
 */
final class TrainingLoop {
  /** The dropout of BERT's hidden states and attention maps. */
  static final double DROPOUT = 0.1;

  /** The part of the steps in which the learning rate rises. */
  static final double WARMUP = 0.1;

  private static final double NANOS = 1e9;

  /** One step of training: forward and backward, gradients added. */
  @FunctionalInterface
  interface Step {
    /** Runs on a batch and returns the losses by term. */
    Map<String, Double> run(TokenBatch batch, float[] labels, Pass pass);
  }

  /** Judges the network as it is. */
  @FunctionalInterface
  interface Evaluation {
    /** Returns the metric on the development set. */
    MetricResult run();
  }

  /**
   * How long a run is.
   *
   * @param steps the number of optimizer steps
   * @param evaluateEvery the number of steps between evaluations; there is one after the last too
   * @param seed the seed of batches and dropout
   * @param checkpointSeconds the least time between checkpoints; 0 for one after each step
   */
  record Plan(long steps, long evaluateEvery, long seed, double checkpointSeconds) {}

  private final Compute compute;
  private final BertClassifier network;
  private final Optimizer optimizer;
  private final Batches batches;
  private final BatchUpload upload;
  private final Plan plan;
  private final Path folder;

  TrainingLoop(
      Compute compute,
      BertClassifier network,
      Optimizer optimizer,
      Batches batches,
      BatchUpload upload,
      Plan plan,
      Path folder) {
    this.compute = compute;
    this.network = network;
    this.optimizer = optimizer;
    this.batches = batches;
    this.upload = upload;
    this.plan = plan;
    this.folder = folder;
  }

  private Path checkpoint() {
    return folder.resolve("checkpoint.safetensors");
  }

  /** Returns the file with the parameters of the best evaluation. */
  static Path best(Path folder) {
    return folder.resolve("best.safetensors");
  }

  private static Path finished(Path folder) {
    return folder.resolve("training.json");
  }

  /**
   * Returns the state of a run that came to its end, or null if it did not.
   *
   * @param folder where it kept its files
   */
  static TrainingState finishedState(Path folder) {
    Path file = finished(folder);
    if (!Files.exists(file) || !Files.exists(best(folder))) {
      return null;
    }
    try {
      TrainingState state = TrainingState.ofJson(file.toString(), Files.readString(file));
      if (state.bestStep() < 0) {
        throw new BadInputException(file + " has no evaluation, expected one at least");
      }
      return state;
    } catch (IOException e) {
      throw BadInputException.reading(file, e);
    }
  }

  /**
   * Trains to the end, from the last checkpoint if there is one. The network is left with the
   * parameters of the last step; those of the best evaluation are in a file.
   */
  TrainingState run(Step step, Evaluation evaluation, Progress progress) {
    TrainingState state = TrainingState.START;
    if (Files.exists(checkpoint())) {
      state =
          TrainingState.ofNotes(
              checkpoint(),
              Checkpoint.load(checkpoint(), compute.memory(), network.parameters(), optimizer));
      network.refreshWeights();
    }
    long begin = System.nanoTime() - (long) (state.seconds() * NANOS);
    double saved = state.seconds();
    List<Point> curve = new ArrayList<>(state.curve());
    Map<String, Double> sums = new HashMap<>(state.lossSums());
    long count = state.lossCount();
    long bestStep = state.bestStep();
    progress.stepTo(optimizer.steps());
    while (optimizer.steps() < plan.steps()) {
      long number = optimizer.steps();
      Batch batch = batches.training(plan.seed(), number);
      network.parameters().zeroGradients();
      Map<String, Double> losses =
          step.run(upload.run(batch), batch.labels(), new Pass(DROPOUT, plan.seed(), number));
      optimizer.step();
      network.refreshWeights();
      losses.forEach((term, value) -> sums.merge(term, value, Double::sum));
      count++;
      long done = optimizer.steps();
      if (done % plan.evaluateEvery() == 0 || done == plan.steps()) {
        MetricResult result = evaluation.run();
        curve.add(
            new Point(
                done,
                result.value(),
                result.selection(),
                result.parts().get(Evaluator.MISMATCHED),
                means(sums, count)));
        sums.clear();
        count = 0;
        if (bestStep < 0 || result.selection() > bestSelection(curve, bestStep)) {
          bestStep = done;
          Checkpoint.save(best(folder), compute.memory(), network.parameters(), null, Map.of());
        }
      }
      double seconds = (System.nanoTime() - begin) / NANOS;
      state = new TrainingState(curve, sums, count, bestStep, seconds);
      if (done < plan.steps() && seconds - saved >= plan.checkpointSeconds()) {
        Checkpoint.save(
            checkpoint(), compute.memory(), network.parameters(), optimizer, state.notes());
        saved = seconds;
      }
      progress.stepTo(done);
    }
    AtomicFiles.write(finished(folder), state.json());
    delete(checkpoint());
    return state;
  }

  private static double bestSelection(List<Point> curve, long bestStep) {
    return curve.stream()
        .filter(p -> p.step() == bestStep)
        .mapToDouble(Point::selection)
        .findFirst()
        .orElseThrow();
  }

  private static Map<String, Double> means(Map<String, Double> sums, long count) {
    Map<String, Double> means = new HashMap<>();
    sums.forEach((term, sum) -> means.put(term, sum / count));
    return means;
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw BadInputException.writing(file, e);
    }
  }
}

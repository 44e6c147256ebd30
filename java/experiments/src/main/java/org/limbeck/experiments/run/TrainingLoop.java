// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.experiments.report.Progress;
import org.limbeck.experiments.run.TrainingState.Point;
import org.limbeck.formats.AtomicFiles;
import org.limbeck.formats.BadInputException;
import org.limbeck.training.checkpoint.Checkpoint;
import org.limbeck.training.data.MetricResult;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.optim.Optimizer;

/**
 * Trains one network: batches, steps, evaluations, checkpoints. Killed and started again, it ends
 * with the same bits as without the interruption.
 */
public final class TrainingLoop {
  private static final double NANOS = 1e9;

  /** One step of training: forward and backward on the step's batch, gradients added. */
  @FunctionalInterface
  public interface Step {
    /**
     * Runs.
     *
     * @param number the step, from 0
     * @return the losses by term
     */
    Map<String, Double> run(long number);
  }

  /** Judges the network as it is. */
  @FunctionalInterface
  public interface Evaluation {
    /** Returns the metric on the development set. */
    MetricResult run();
  }

  /**
   * How long a run is.
   *
   * @param steps the number of optimizer steps
   * @param evaluateEvery the number of steps between evaluations; there is one after the last too
   * @param patience how many evaluations without gain end the run; 0 for none
   * @param checkpointSeconds the least time between checkpoints; 0 for one after each step
   */
  public record Plan(long steps, long evaluateEvery, int patience, double checkpointSeconds) {}

  private final Compute compute;
  private final ParameterSet parameters;
  private final Runnable refresh;
  private final Optimizer optimizer;
  private final Plan plan;
  private final Path folder;

  /**
   * Prepares.
   *
   * @param compute where the network is
   * @param parameters what is trained
   * @param refresh called whenever the values have changed
   * @param optimizer its optimizer
   * @param plan how long it trains
   * @param folder where it keeps its files, an existing one
   */
  public TrainingLoop(
      Compute compute,
      ParameterSet parameters,
      Runnable refresh,
      Optimizer optimizer,
      Plan plan,
      Path folder) {
    this.compute = compute;
    this.parameters = parameters;
    this.refresh = refresh;
    this.optimizer = optimizer;
    this.plan = plan;
    this.folder = folder;
  }

  private Path checkpoint() {
    return folder.resolve("checkpoint.safetensors");
  }

  /** Returns the file with the parameters of the best evaluation. */
  public static Path best(Path folder) {
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
  public static TrainingState finishedState(Path folder) {
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
   *
   * @param step one step of training
   * @param evaluation judges the network
   * @param progress told after each step
   * @return how the run went
   */
  public TrainingState run(Step step, Evaluation evaluation, Progress progress) {
    TrainingState state = TrainingState.START;
    if (Files.exists(checkpoint())) {
      state =
          TrainingState.ofNotes(
              checkpoint(), Checkpoint.load(checkpoint(), compute.memory(), parameters, optimizer));
      refresh.run();
    }
    long begin = System.nanoTime() - (long) (state.seconds() * NANOS);
    double saved = state.seconds();
    List<Point> curve = new ArrayList<>(state.curve());
    Map<String, Double> sums = new HashMap<>(state.lossSums());
    long count = state.lossCount();
    long bestStep = state.bestStep();
    progress.stepTo(optimizer.steps());
    while (!ended(state)) {
      long number = optimizer.steps();
      parameters.zeroGradients();
      Map<String, Double> losses = step.run(number);
      optimizer.step();
      refresh.run();
      losses.forEach((term, value) -> sums.merge(term, value, Double::sum));
      count++;
      long done = optimizer.steps();
      if (done % plan.evaluateEvery() == 0 || done == plan.steps()) {
        MetricResult result = evaluation.run();
        curve.add(
            new Point(
                done, result.value(), result.selection(), result.parts(), means(sums, count)));
        sums.clear();
        count = 0;
        if (bestStep < 0 || result.selection() > bestSelection(curve, bestStep)) {
          bestStep = done;
          Checkpoint.save(best(folder), compute.memory(), parameters, null, Map.of());
        }
      }
      double seconds = (System.nanoTime() - begin) / NANOS;
      state = new TrainingState(curve, sums, count, bestStep, seconds);
      if (!ended(state) && seconds - saved >= plan.checkpointSeconds()) {
        Checkpoint.save(checkpoint(), compute.memory(), parameters, optimizer, state.notes());
        saved = seconds;
      }
      progress.stepTo(done);
    }
    AtomicFiles.write(finished(folder), state.json());
    delete(checkpoint());
    return state;
  }

  private boolean ended(TrainingState state) {
    return optimizer.steps() >= plan.steps()
        || plan.patience() > 0 && state.evaluationsSinceBest() >= plan.patience();
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

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.run;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.limbeck.formats.BadInputException;

/**
 * How far training has come, beside the tensors: what a checkpoint notes and a finished run keeps.
 *
 * @param curve the evaluations so far
 * @param lossSums the sums of the losses since the last evaluation, by term
 * @param lossCount the number of steps in those sums
 * @param bestStep the step of the best evaluation so far; -1 before the first
 * @param seconds the wall time so far
 */
public record TrainingState(
    List<Point> curve,
    Map<String, Double> lossSums,
    long lossCount,
    long bestStep,
    double seconds) {
  private static final String NOTE = "limbeck.training";
  private static final Gson JSON = new GsonBuilder().serializeSpecialFloatingPointValues().create();

  /** The state before the first step. */
  public static final TrainingState START = new TrainingState(List.of(), Map.of(), 0, -1, 0);

  /**
   * One evaluation.
   *
   * @param step the number of steps taken
   * @param value the metric, in points
   * @param selection the number by which the best evaluation is chosen
   * @param parts the numbers of which the metric is made, by name
   * @param losses the means of the losses since the evaluation before, by term
   */
  public record Point(
      long step,
      double value,
      double selection,
      Map<String, Double> parts,
      Map<String, Double> losses) {}

  /** Copies the lists. */
  public TrainingState {
    curve = List.copyOf(curve);
    lossSums = Map.copyOf(lossSums);
  }

  /** Returns the best evaluation. */
  public Point best() {
    return evaluation(bestStep).orElseThrow();
  }

  private Optional<Point> evaluation(long step) {
    return curve.stream().filter(p -> p.step() == step).findFirst();
  }

  /** Returns the last evaluation. */
  public Point last() {
    return curve.get(curve.size() - 1);
  }

  /** Returns how many evaluations were made since the best one. */
  public int evaluationsSinceBest() {
    return (int) curve.stream().filter(point -> point.step() > bestStep).count();
  }

  /** Returns this as JSON. */
  String json() {
    return JSON.toJson(this);
  }

  /** Reads what {@link #json} wrote. */
  static TrainingState ofJson(String where, String text) {
    try {
      TrainingState state = JSON.fromJson(text, TrainingState.class);
      if (state != null && (state.bestStep < 0 || state.evaluation(state.bestStep).isPresent())) {
        return state;
      }
    } catch (RuntimeException e) {
      // Gson wraps what a record's constructor refuses in plain RuntimeExceptions.
      throw new BadInputException(where + " does not hold the state of a training run", e);
    }
    throw new BadInputException(where + " is incomplete, expected the state of a training run");
  }

  /** Returns this as the notes of a checkpoint. */
  Map<String, String> notes() {
    return Map.of(NOTE, json());
  }

  /** Reads the notes of a checkpoint. */
  static TrainingState ofNotes(Path checkpoint, Map<String, String> notes) {
    return ofJson(checkpoint.toString(), notes.getOrDefault(NOTE, ""));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import org.limbeck.bench.step.StepProblem;
import org.limbeck.bench.step.TrainingStep;

/**
 * Limbeck's step and a peer's from the same weights, in one process: first compared, then timed in
 * turns.
 */
final class PairedSteps {
  /**
   * How far both sides may be from each other in their first step.
   *
   * @param loss relative to the peer's loss
   * @param gradient relative to the norm of the peer's gradient over all parameters
   * @param change relative to the norm of the peer's change of the parameters. The first step of
   *     Adam moves every element by about the same, so a tiny gradient with another sign counts
   *     like a large one
   */
  record Bounds(double loss, double gradient, double change) {
    /** With quantized activations, which a sum rounded otherwise may take to another level. */
    static final Bounds QUANTIZED = new Bounds(1e-3, 2e-2, 0.1);

    /** In float32 throughout, where sums differ in rounding alone. */
    static final Bounds FLOAT = new Bounds(1e-5, 1e-3, 0.1);
  }

  private final TrainingStep ours;
  private final TrainingStep peer;

  PairedSteps(TrainingStep ours, TrainingStep peer) {
    this.ours = ours;
    this.peer = peer;
  }

  /** Both sides differ in what they compute. */
  static final class DifferentWorkException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    DifferentWorkException(String what, double difference, double bound) {
      super(
          String.format(
              Locale.ROOT,
              "Limbeck's step and the peer's are different work: %s of the first step differ by"
                  + " %.2g relative to the peer's, expected at most %.2g",
              what,
              difference,
              bound));
    }
  }

  /** How far both sides are from each other in their first step, relative to the peer's. */
  record Differences(double loss, double gradient, double change) {
    @Override
    public String toString() {
      return String.format(
          Locale.ROOT, "loss=%.1e gradient=%.1e change=%.1e", loss, gradient, change);
    }
  }

  /**
   * Takes a step without dropout on both sides.
   *
   * @param start the values that both start from
   * @param bounds how far they may be from each other
   * @throws DifferentWorkException if they differ by more than rounding explains
   */
  Differences check(Map<String, StepProblem.Values> start, Bounds bounds) {
    double loss = ours.gradients(0);
    double peerLoss = peer.gradients(0);
    Distance gradient = new Distance();
    start.forEach(
        (name, values) ->
            gradient.add(
                ours.gradient(name), peer.gradient(name), new float[values.elements().length]));
    ours.update();
    peer.update();
    Distance change = new Distance();
    start.forEach(
        (name, values) -> change.add(ours.value(name), peer.value(name), values.elements()));
    Differences found =
        new Differences(
            Math.abs(loss - peerLoss) / Math.abs(peerLoss), gradient.relative(), change.relative());
    require("the losses", found.loss(), bounds.loss());
    require("the gradients", found.gradient(), bounds.gradient());
    require("the changes of the parameters", found.change(), bounds.change());
    return found;
  }

  private static void require(String what, double difference, double bound) {
    // NaN is no agreement.
    if (!(difference <= bound)) {
      throw new DifferentWorkException(what, difference, bound);
    }
  }

  /** The distance of two sets of vectors relative to the second. */
  private static final class Distance {
    private double difference;
    private double norm;

    /** Adds a part, both sides seen from an origin. */
    void add(float[] mine, float[] theirs, float[] origin) {
      for (int i = 0; i < origin.length; i++) {
        double d = (double) mine[i] - theirs[i];
        double t = (double) theirs[i] - origin[i];
        difference += d * d;
        norm += t * t;
      }
    }

    double relative() {
      return Math.sqrt(difference / norm);
    }
  }

  /**
   * Takes steps on both sides.
   *
   * @param steps their number
   * @param dropout the probability of dropping
   */
  void warmUp(int steps, double dropout) {
    mean(ours, steps, dropout);
    mean(peer, steps, dropout);
  }

  /**
   * The times of one pair in nanoseconds.
   *
   * @param ours of a step of ours, the mean over the pair
   * @param peer of a step of the peer's
   */
  record Pair(double ours, double peer) {
    /** Returns how often ours goes into the peer's: above 1 Limbeck is faster. */
    double ratio() {
      return peer / ours;
    }
  }

  /**
   * Times pairs of so many steps of one side, then of the other; every second pair begins with the
   * peer.
   *
   * @param pairs the number of pairs
   * @param steps the steps of each side in a pair
   * @param dropout the probability of dropping
   * @param beforePair what is done before each pair
   */
  Pair[] time(int pairs, int steps, double dropout, Runnable beforePair) {
    Pair[] times = new Pair[pairs];
    Arrays.setAll(
        times,
        i -> {
          beforePair.run();
          boolean oursFirst = i % 2 == 0;
          double first = mean(oursFirst ? ours : peer, steps, dropout);
          double second = mean(oursFirst ? peer : ours, steps, dropout);
          return oursFirst ? new Pair(first, second) : new Pair(second, first);
        });
    return times;
  }

  private static double mean(TrainingStep side, int steps, double dropout) {
    long begin = System.nanoTime();
    for (int i = 0; i < steps; i++) {
      side.gradients(dropout);
      side.update();
    }
    return (double) (System.nanoTime() - begin) / steps;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.Arrays;
import java.util.function.DoubleSupplier;

/**
 * A loop of fixed work on the threads that are measured, which tells whether they have their
 * processors to themselves.
 *
 * <p>They may not have them although nothing else runs: a virtual machine's processors that have
 * slept may wake up as the two threads of one core, and share it for some milliseconds. Threads
 * that wait for work in a loop, as those of most peers, never let them sleep; ours do after 100
 * microseconds.
 */
final class Calibration {
  /** A loop that takes longer than usual by more was disturbed. */
  static final double BOUND = 0.05;

  /** Processors that share a core for long become usual, but not that; clocks change by less. */
  private static final double LASTING_BOUND = 0.25;

  /** How often the loop runs at most until it takes as long as usual. */
  private static final int PATIENCE = 10;

  /** What is usual is known from so many loops: those of the last seconds. */
  private static final int REMEMBERED = 256;

  private static final double[] NONE = {};

  private final DoubleSupplier loop;
  private double[] past = NONE;
  private int next;
  private double best = Double.POSITIVE_INFINITY;

  /**
   * Makes a calibration.
   *
   * @param loop runs the loop and returns the time it took
   */
  Calibration(DoubleSupplier loop) {
    this.loop = loop;
  }

  /** Makes a calibration of a loop; each time it goes once untimed, to wake up its threads. */
  static Calibration of(Runnable work) {
    return new Calibration(
        () -> {
          work.run();
          long begin = System.nanoTime();
          work.run();
          return System.nanoTime() - begin;
        });
  }

  /**
   * Runs the loop until it takes as long as usual, or patience is at its end.
   *
   * @return whether it took as long as usual
   */
  boolean await() {
    for (int i = 0; i < PATIENCE; i++) {
      if (isUsual()) {
        return true;
      }
    }
    return false;
  }

  /** Runs the loop once and returns whether it took as long as usual. */
  boolean isUsual() {
    double now = loop.getAsDouble();
    if (past.length < REMEMBERED) {
      past = Arrays.copyOf(past, past.length + 1);
    }
    past[next] = now;
    next = (next + 1) % REMEMBERED;
    // Disturbances only make it slower, and may last.
    double usual = Quantiles.of(past, 0.25);
    best = Math.min(best, usual);
    return now <= usual * (1 + BOUND) && now <= best * (1 + LASTING_BOUND);
  }
}

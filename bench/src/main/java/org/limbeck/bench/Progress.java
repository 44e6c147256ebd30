// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.PrintWriter;
import java.util.Locale;

/** Says now and then how far a run is and when it will end, a line each. */
final class Progress {
  /** What starting a process with its kernels, and a row's tensors and checks, usually take. */
  private static final double PROCESS_SECONDS = 3;

  private static final double ROW_SECONDS = 0.35;

  /** Those of a number of threads. */
  private static final double CEILINGS_SECONDS = 4;

  private static final long PAUSE_NANOS = 5_000_000_000L;

  private final PrintWriter out;
  private final long begin = System.nanoTime();
  private long next = begin;
  private int done = -1;
  private int expected;

  /** Prints to a writer; to none if it is null. */
  Progress(PrintWriter out) {
    this.out = out;
  }

  /**
   * Says how long a run will take, before anything of it is known but its size.
   *
   * @param rows the rows to measure
   * @param processes the processes to start for them
   * @param ceilings the numbers of threads whose ceilings were or will be measured
   * @param millis about how long a row is measured
   * @param once whether nothing is measured at all
   */
  void begin(int rows, int processes, int ceilings, int millis, boolean once) {
    if (out == null || once) {
      return;
    }
    double seconds = seconds(rows, processes, ceilings, millis);
    out.println(
        String.format(
            Locale.ROOT,
            "bench: %d rows in %d processes, about %.0f min",
            rows,
            processes,
            Math.ceil(seconds / 60)));
    out.flush();
  }

  /**
   * Says that something is measured again.
   *
   * @param rows the rows to measure
   * @param processes the processes to start for them
   * @param ceilings the numbers of threads whose ceilings are measured
   * @param millis about how long a row is measured
   * @param once whether nothing is measured at all
   */
  void again(int rows, int processes, int ceilings, int millis, boolean once) {
    if (out == null || once) {
      return;
    }
    out.println(
        String.format(
            Locale.ROOT,
            "bench: %d rows seem slower and are measured again, about %.0f s",
            rows,
            seconds(rows, processes, ceilings, millis)));
    out.flush();
  }

  private static double seconds(int rows, int processes, int ceilings, int millis) {
    return ceilings * CEILINGS_SECONDS
        + processes * PROCESS_SECONDS
        + rows * (ROW_SECONDS + millis * 1e-3);
  }

  /** Adds cases that will come. */
  void expect(int cases) {
    expected += cases;
  }

  /** Says which case begins. */
  void at(String what) {
    done++;
    long now = System.nanoTime();
    if (out == null || now < next) {
      return;
    }
    next = now + PAUSE_NANOS;
    double seconds = (now - begin) * 1e-9;
    String estimate =
        done == 0
            ? ""
            : String.format(
                Locale.ROOT,
                ", %.1f a second, about %.0f s left",
                done / seconds,
                seconds / done * (expected - done));
    out.println("bench: " + (done + 1) + " of " + expected + estimate + ": " + what);
    out.flush();
  }
}

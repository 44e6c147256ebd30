// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.io.PrintWriter;
import java.util.Locale;

/** Says now and then how far a run is and when it will end, a line each. */
final class Progress {
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

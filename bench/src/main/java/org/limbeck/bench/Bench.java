// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

/** What all measurements do before they measure. */
final class Bench {
  /** How many times the shortest warm-up the longest may take. */
  private static final long LONGEST_WARM_UPS = 10;

  /** A time below this share of the one before is progress, and not noise. */
  private static final double STILL_FASTER = 0.9;

  private Bench() {}

  /**
   * Calls small work until the compiler has had its time: in the interpreter the Vector API takes
   * nearly a microsecond an element, and large work would be over before it is compiled.
   */
  static void warmUp(int millis, Runnable small) {
    long end = System.nanoTime() + millis * 1_000_000L;
    do {
      small.run();
    } while (System.nanoTime() < end);
  }

  /**
   * Calls small work for some time and then until it no longer gets faster: on a busy machine the
   * compiler takes its time.
   *
   * @param millis the shortest time; 0 calls once
   */
  static void settle(int millis, Runnable small) {
    warmUp(millis / 2, small);
    long end = System.nanoTime() + LONGEST_WARM_UPS * millis * 1_000_000L;
    double before = Double.POSITIVE_INFINITY;
    double now = nanosOfACall(millis / 4, small);
    while (now < before * STILL_FASTER && System.nanoTime() < end) {
      before = now;
      now = nanosOfACall(millis / 4, small);
    }
  }

  private static double nanosOfACall(int millis, Runnable small) {
    long begin = System.nanoTime();
    long calls = 0;
    do {
      small.run();
      calls++;
    } while (System.nanoTime() - begin < millis * 1_000_000L);
    return (double) (System.nanoTime() - begin) / calls;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

/** What all measurements do before they measure. */
final class Bench {
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
}

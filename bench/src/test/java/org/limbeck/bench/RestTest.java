// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class RestTest {
  private static final int ATTEMPTS = 5;

  @Test
  void waitsForAThreadThatWaitsInALoop() throws InterruptedException {
    int waited = 0;
    for (int i = 0; i < ATTEMPTS; i++) {
      CountDownLatch begun = new CountDownLatch(1);
      long end = System.nanoTime() + 60_000_000L;
      Thread busy =
          new Thread(
              () -> {
                begun.countDown();
                while (System.nanoTime() < end) {
                  Thread.onSpinWait();
                }
              });
      busy.start();
      begun.await();
      Rest.await();
      if (System.nanoTime() >= end) {
        waited++;
      }
      busy.join();
    }
    // The JVM may have stopped the thread just when it was looked at, but not often.
    assertTrue(waited >= ATTEMPTS - 1, "waited " + waited + " of " + ATTEMPTS + " times");
  }

  @Test
  void givesUpOnAThreadThatNeverRests() throws InterruptedException {
    Thread busy =
        new Thread(
            () -> {
              while (!Thread.currentThread().isInterrupted()) {
                Thread.onSpinWait();
              }
            });
    busy.start();
    long begin = System.nanoTime();
    Rest.await();
    double millis = (System.nanoTime() - begin) * 1e-6;
    busy.interrupt();
    busy.join();
    assertTrue(millis < 5000, "waited " + millis + " ms");
  }
}

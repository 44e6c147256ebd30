// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class PairedTest {
  private static final double EXACT = 1e-12;

  @Test
  void pairsBesideAMovedCalibrationAreDiscarded() {
    double[] ours = {10, 10, 40, 10, 10};
    double[] theirs = {20, 30, 400, 10, 20};
    // The loop after pair 2, which is the one before pair 3, took 6 % longer.
    double[] loops = {100, 101, 100, 106, 100, 99};
    Paired paired = Paired.summary(ours, theirs, loops, 5, true);
    assertEquals(3, paired.kept());
    assertEquals(5, paired.taken());
    assertEquals(10, paired.nanos(), EXACT);
    assertEquals(20, paired.peerNanos(), EXACT);
    assertEquals(2, paired.ratio(), EXACT);
    // Ratios 2, 2 and 3: quartiles 2 and 2.5.
    assertEquals(0.125, paired.spread(), EXACT);
  }

  @Test
  void whereTooFewAreLeftAllCount() {
    double[] ours = {10, 20, 30};
    double[] loops = {100, 150, 100, 150};
    Paired paired = Paired.summary(ours, new double[3], loops, 3, false);
    assertEquals(0, paired.kept());
    assertEquals(20, paired.nanos(), EXACT);
    assertTrue(Double.isNaN(paired.ratio()));
    assertTrue(Double.isNaN(paired.peerNanos()));
  }

  @Test
  void bothSidesRunEquallyOftenWhereTheyTakeLong() {
    AtomicInteger ours = new AtomicInteger();
    AtomicInteger theirs = new AtomicInteger();
    Paired paired =
        Paired.run(() -> pause(ours, 2), () -> pause(theirs, 6), () -> {}, () -> {}, 1, false);
    assertEquals(ours.get(), theirs.get());
    assertTrue(paired.taken() >= 5, "pairs " + paired.taken());
    assertTrue(paired.ratio() > 1.5 && paired.ratio() < 6, "ratio " + paired.ratio());
  }

  private static void pause(AtomicInteger calls, int millis) {
    calls.incrementAndGet();
    long end = System.nanoTime() + millis * 1_000_000L;
    while (System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class PairedTest {
  private static final double EXACT = 1e-12;

  @Test
  void disturbedPairsAreDiscarded() {
    double[] ours = {10, 10, 40, 10, 10};
    double[] theirs = {20, 30, 400, 10, 20};
    boolean[] undisturbed = {true, true, false, false, true};
    Paired paired = Paired.summary(ours, theirs, undisturbed, true);
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
    boolean[] undisturbed = {true, false, false};
    Paired paired = Paired.summary(ours, new double[3], undisturbed, false);
    assertEquals(1, paired.kept());
    assertEquals(20, paired.nanos(), EXACT);
    assertTrue(Double.isNaN(paired.ratio()));
    assertTrue(Double.isNaN(paired.peerNanos()));
  }

  @Test
  void bothSidesRunEquallyOftenWhereTheyTakeLong() {
    AtomicInteger ours = new AtomicInteger();
    AtomicInteger theirs = new AtomicInteger();
    Calibration none = new Calibration(() -> 1);
    Paired paired =
        Paired.run(() -> pause(ours, 2), () -> pause(theirs, 6), () -> {}, none, 1, false);
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

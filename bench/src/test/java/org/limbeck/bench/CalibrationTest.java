// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.PrimitiveIterator;
import org.junit.jupiter.api.Test;

class CalibrationTest {
  @Test
  void aLoopThatTakesLongerThanMostIsNotUsual() {
    Calibration calibration = of(100, 101, 99, 104, 108, 200, 90);
    for (int i = 0; i < 4; i++) {
      assertTrue(calibration.isUsual(), "loop " + i);
    }
    assertFalse(calibration.isUsual(), "8 % longer");
    assertFalse(calibration.isUsual(), "twice as long");
    assertTrue(calibration.isUsual(), "shorter");
  }

  @Test
  void slowLoopsAreWaitedFor() {
    double[] times = {100, 100, 100, 200, 200, 100, 300};
    int[] runs = {0};
    Calibration calibration = new Calibration(() -> times[runs[0]++]);
    for (int i = 0; i < 3; i++) {
      assertTrue(calibration.await());
    }
    assertTrue(calibration.await());
    assertEquals(6, runs[0]);
  }

  @Test
  void whatIsALittleSlowerBecomesUsual() {
    assertTrue(becomesUsual(110));
    assertFalse(becomesUsual(200));
  }

  /** Returns whether a time does after many of 100. */
  private static boolean becomesUsual(double time) {
    int[] runs = {0};
    Calibration calibration = new Calibration(() -> runs[0]++ < 10 ? 100 : time);
    for (int i = 0; i < 10; i++) {
      calibration.isUsual();
    }
    assertFalse(calibration.await());
    assertTrue(runs[0] > 11, "it waits");
    for (int i = 0; i < 10; i++) {
      calibration.await();
    }
    return calibration.await();
  }

  private static Calibration of(double... times) {
    PrimitiveIterator.OfDouble next = Arrays.stream(times).iterator();
    return new Calibration(next::nextDouble);
  }
}

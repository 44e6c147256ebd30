// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class ScheduleTest {
  @Test
  void risesFromZeroAndFallsToZero() {
    Schedule schedule = Schedule.warmupLinear(10, 0.1);
    assertEquals(0, schedule.factor(0));
    assertEquals(1, schedule.factor(1), 1e-15);
    assertEquals(8.0 / 9, schedule.factor(2), 1e-15);
    assertEquals(1.0 / 9, schedule.factor(9), 1e-15);
    assertEquals(0, schedule.factor(10));
    assertEquals(0, schedule.factor(11));
    Schedule slow = Schedule.warmupLinear(1000, 0.25);
    assertEquals(0.5, slow.factor(125), 1e-15);
    assertEquals(1, slow.factor(250), 1e-15);
    assertEquals(0.5, slow.factor(625), 1e-15);
  }

  @Test
  void withoutWarmupItBeginsAtOne() {
    Schedule schedule = Schedule.warmupLinear(4, 0);
    assertEquals(1, schedule.factor(0));
    assertEquals(0.75, schedule.factor(1));
    assertEquals(0, schedule.factor(4));
  }

  @Test
  void risesAndFallsWithTheInverseSquareRoot() {
    Schedule schedule = Schedule.inverseSquareRoot(4000);
    assertEquals(0, schedule.factor(0));
    assertEquals(0.25, schedule.factor(1000), 1e-15);
    assertEquals(1, schedule.factor(4000), 1e-15);
    assertEquals(0.5, schedule.factor(16_000), 1e-15);
    assertEquals(
        "Schedule: given 0 steps of warm-up, expected at least 1",
        assertThrows(IllegalArgumentException.class, () -> Schedule.inverseSquareRoot(0))
            .getMessage());
  }

  @Test
  void constant() {
    assertEquals(1, Schedule.CONSTANT.factor(0));
    assertEquals(1, Schedule.CONSTANT.factor(1L << 40));
  }

  @Test
  void badArgumentsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Schedule.warmupLinear(0, 0.1));
    for (double warmup : new double[] {-0.1, 1, 2, Double.NaN}) {
      assertEquals(
          "Schedule: given 5 steps with warm-up "
              + warmup
              + ", expected at least 1 and a part of at least 0 and below 1",
          assertThrows(IllegalArgumentException.class, () -> Schedule.warmupLinear(5, warmup))
              .getMessage());
    }
  }
}

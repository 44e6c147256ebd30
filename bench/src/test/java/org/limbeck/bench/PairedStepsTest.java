// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.limbeck.bench.step.LimbeckQatKdStep;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.distill.LossConfiguration;

class PairedStepsTest {
  private static final BertConfig CONFIG = new BertConfig(2, 24, 3, 40, 50, 16, 2, 1e-12);

  private static LimbeckQatKdStep step(String losses) {
    return new LimbeckQatKdStep(
        Limbeck.open(List.of(), 1),
        GemmF32.Precision.F32,
        CONFIG,
        LossConfiguration.parse(losses),
        3,
        9);
  }

  @Test
  void equalWorkIsTimed() {
    try (LimbeckQatKdStep one = step("map");
        LimbeckQatKdStep other = step("map")) {
      PairedSteps both = new PairedSteps(one, other);
      assertEquals(
          new PairedSteps.Differences(0, 0, 0),
          both.check(one.problem().parameters(), PairedSteps.Bounds.FLOAT));
      int[] announced = new int[1];
      PairedSteps.Pair[] pairs = both.time(3, 1, 0.1, () -> announced[0]++);
      assertEquals(3, pairs.length);
      assertEquals(3, announced[0]);
      for (PairedSteps.Pair pair : pairs) {
        assertTrue(pair.ours() > 0 && pair.peer() > 0, pair.toString());
        assertEquals(pair.peer(), pair.ratio() * pair.ours(), 1e-9 * pair.peer());
      }
    }
  }

  @Test
  void differentWorkIsRefused() {
    try (LimbeckQatKdStep one = step("none");
        LimbeckQatKdStep other = step("context")) {
      PairedSteps both = new PairedSteps(one, other);
      PairedSteps.DifferentWorkException e =
          assertThrows(
              PairedSteps.DifferentWorkException.class,
              () -> both.check(one.problem().parameters(), PairedSteps.Bounds.FLOAT));
      assertTrue(e.getMessage().contains("the losses of the first step differ"), e.getMessage());
    }
  }
}

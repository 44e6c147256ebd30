// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.limbeck.natives.bindings.LimbeckH;

/** The loops that the ceilings of benchmarks are measured with. */
class DotCeilingTest {
  private static DotCeiling open() {
    try {
      return DotCeiling.open();
    } catch (IllegalStateException e) {
      Assumptions.abort("no ceiling here: " + e.getMessage());
      throw e;
    }
  }

  @Test
  void operationsGrowWithTheRounds() {
    DotCeiling ceiling = open();
    for (DotCeiling.Kind kind : DotCeiling.Kind.values()) {
      double one = ceiling.run(kind, 1);
      assertTrue(one >= 2, kind + ": " + one);
      assertEquals(0, ceiling.run(kind, 0), kind.name());
      assertEquals(
          DotCeiling.MOST_ROUNDS * one, ceiling.run(kind, DotCeiling.MOST_ROUNDS), kind.name());
    }
  }

  @Test
  void roundsAreLimited() {
    DotCeiling ceiling = open();
    assertEquals(LimbeckH.LB_CEILING_ROUNDS(), DotCeiling.MOST_ROUNDS);
    for (long rounds : new long[] {-1, DotCeiling.MOST_ROUNDS + 1}) {
      assertTrue(
          assertThrows(
                  IllegalArgumentException.class, () -> ceiling.run(DotCeiling.Kind.INT8, rounds))
              .getMessage()
              .startsWith("rounds: given " + rounds));
    }
  }
}

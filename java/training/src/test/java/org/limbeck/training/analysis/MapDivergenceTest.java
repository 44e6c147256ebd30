// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/** What training logs of attention maps, against sums written out. */
class MapDivergenceTest {
  private final HostMemory memory = new HostMemory();

  @AfterEach
  void close() {
    memory.close();
  }

  private HeadMaps maps(float... row) {
    Matrix matrix = memory.copyOf(row, row.length / 2, 2);
    return new HeadMaps(matrix, row.length / 4, 2);
  }

  @Test
  void divergenceIsTheMeanOverRows() {
    HeadMaps student = maps(0.5f, 0.5f, 1, 0, 0.25f, 0.75f, 0.5f, 0.5f);
    HeadMaps teacher = maps(0.25f, 0.75f, 0.5f, 0.5f, 0.25f, 0.75f, 0.5f, 0.5f);
    double first = 0.25 * Math.log(0.25 / 0.5) + 0.75 * Math.log(0.75 / 0.5);
    double second = 0.5 * Math.log(0.5) + 0.5 * Math.log(0.5 / 1e-8);
    double[] got = MapDivergence.of(student, teacher);
    assertEquals((first + second) / 2, got[0], 1e-12);
    assertEquals(0, got[1], 0);
  }

  @Test
  void paddingIsNotRead() {
    HeadMaps student = RandomMaps.maps(memory, 1, 3, 5, 2);
    HeadMaps teacher = RandomMaps.maps(memory, 2, 3, 5, 4);
    for (double divergence : MapDivergence.of(student, teacher)) {
      assertTrue(divergence > 0);
    }
    double sum = 0;
    for (int token = 0; token < 5; token++) {
      sum += TokenAttention.of(student, token);
    }
    assertEquals(1, sum, 1e-6);
  }

  @Test
  void attentionIsTheMeanOverRowsAndHeads() {
    HeadMaps given = maps(0.5f, 0.5f, 1, 0, 0.25f, 0.75f, 0.5f, 0.5f);
    assertEquals((0.5 + 1 + 0.25 + 0.5) / 4, TokenAttention.of(given, 0), 1e-12);
    assertEquals((0.5 + 0 + 0.75 + 0.5) / 4, TokenAttention.of(given, 1), 1e-12);
    assertThrows(IndexOutOfBoundsException.class, () -> TokenAttention.of(given, 2));
  }

  @Test
  void otherShapesAreRefused() {
    HeadMaps one = RandomMaps.maps(memory, 1, 3, 5, 0);
    HeadMaps other = RandomMaps.maps(memory, 1, 3, 4, 0);
    assertThrows(IllegalArgumentException.class, () -> MapDivergence.of(one, other));
  }
}

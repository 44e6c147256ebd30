// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/**
 * Training on a device whose memory Java cannot read: the same bits as on the host. A step waits
 * for kernels twice at most: its uploads for the last optimizer step, and its losses for itself.
 */
class SeparateDeviceTest extends DeviceTraining {
  private final SeparateDevice device = new SeparateDevice();
  private int steps;

  @Override
  Limbeck openDevice() {
    return device.open();
  }

  @Override
  void stepped() {
    int waits = device.takeWaits();
    // The first step is behind what was prepared, and brings constants to the device.
    assertTrue(steps == 0 || waits == 1 || waits == 2, waits + " waits in a step");
    steps++;
  }

  @Override
  void assertAgree(Outcome want, Outcome got, boolean quantized) {
    assertEquals(want.losses().length, steps);
    assertTrue(want.losses()[0] > 0, "loss " + want.losses()[0]);
    assertArrayEquals(want.losses(), got.losses());
    assertSameBits(want.begin(), got.begin());
    assertSameBits(want.gradients(), got.gradients());
    assertSameBits(want.values(), got.values());
  }

  @Test
  void readingItAsTheHostsIsRefused() {
    try (Limbeck limbeck = device.open();
        Memory memory = limbeck.newMemory()) {
      Matrix there = memory.matrix(DType.F32, 1, 2);
      var e = assertThrows(IllegalStateException.class, () -> there.getFloat(0, 0));
      assertTrue(e.getMessage().contains("given a matrix on separate:0"), e.getMessage());
    }
  }
}

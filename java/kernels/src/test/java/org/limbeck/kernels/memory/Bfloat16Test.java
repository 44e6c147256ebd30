// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Widening and rounding of bfloat16 numbers. */
class Bfloat16Test {
  @Test
  void everyNumberSurvivesTheWayThereAndBack() {
    for (int bits = Short.MIN_VALUE; bits <= Short.MAX_VALUE; bits++) {
      float value = Bfloat16.toFloat((short) bits);
      short back = Bfloat16.fromFloat(value);
      if (Float.isNaN(value)) {
        assertTrue(Float.isNaN(Bfloat16.toFloat(back)));
        assertEquals(bits < 0, back < 0);
      } else {
        assertEquals((short) bits, back);
      }
    }
  }

  /** Between each two neighbours: just below the middle, the middle, just above it. */
  @Test
  void roundingIsToTheNearestAndHalfToEven() {
    for (int bits = 0; bits < 0x7F80; bits++) {
      int middle = bits << 16 | 0x8000;
      int even = bits % 2 == 0 ? bits : bits + 1;
      for (int sign : new int[] {0, 0x8000}) {
        int high = sign << 16;
        assertEquals((short) (bits | sign), round(middle - 1 | high));
        assertEquals((short) (even | sign), round(middle | high));
        assertEquals((short) (bits + 1 | sign), round(middle + 1 | high));
      }
    }
  }

  private static short round(int bits) {
    return Bfloat16.fromFloat(Float.intBitsToFloat(bits));
  }

  @Test
  void notANumberStaysOne() {
    for (int bits : new int[] {0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0xFF800001, 0xFFFFFFFF}) {
      assertTrue(Float.isNaN(Bfloat16.toFloat(round(bits))), Integer.toHexString(bits));
    }
    assertEquals(Float.POSITIVE_INFINITY, Bfloat16.toFloat(Bfloat16.fromFloat(Float.MAX_VALUE)));
  }

  @Test
  void matricesAreConvertedInEveryStride() {
    try (HostMemory memory = new HostMemory()) {
      Matrix source = memory.matrix(DType.F32, 3, 7).columns(1, 6);
      for (long r = 0; r < 3; r++) {
        for (long c = 0; c < 5; c++) {
          source.setFloat(r, c, 1 + r + c * 0x1p-7f + 0x1p-9f);
        }
      }
      Matrix target = memory.matrix(DType.BF16, 3, 6).columns(0, 5);
      Matrix back = memory.matrix(DType.F32, 3, 5);
      Bfloat16.round(source, target);
      Bfloat16.widen(target, back);
      for (long r = 0; r < 3; r++) {
        for (long c = 0; c < 5; c++) {
          float want = Bfloat16.toFloat(Bfloat16.fromFloat(source.getFloat(r, c)));
          assertEquals(want, target.getBfloat16(r, c));
          assertEquals(want, back.getFloat(r, c));
        }
      }
      refused("round: source: given BF16", () -> Bfloat16.round(target, target));
      refused("round: target: given F32", () -> Bfloat16.round(source, back));
      refused("widen: target: given F32 [2, 5]", () -> Bfloat16.widen(target, back.rows(0, 2)));
      Matrix over = Matrix.of(back.buffer(), DType.BF16, 3, 5);
      refused("overlaps source", () -> Bfloat16.round(back, over));
    }
  }

  private static void refused(String message, Executable call) {
    var e = assertThrows(IllegalArgumentException.class, call);
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

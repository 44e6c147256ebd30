// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.random;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** The known answers published with Random123 for philox4x32 of 10 rounds. */
class PhiloxTest {
  private static void assertBlock(long seed, long stream, long block, int... words) {
    for (int w = 0; w < 4; w++) {
      assertEquals(
          Integer.toHexString(words[w]),
          Integer.toHexString(Philox.word(seed, stream, block, w)),
          "word " + w);
    }
  }

  @Test
  void zeros() {
    assertBlock(0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
  }

  @Test
  void ones() {
    assertBlock(-1, -1, -1, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
  }

  @Test
  void digitsOfPi() {
    // Counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0, low words first.
    assertBlock(
        0x299f31d0a4093822L,
        0x0370734413198a2eL,
        0x85a308d3243f6a88L,
        0xd16cfe09,
        0x94fdcceb,
        0x5001e420,
        0x24126ea1);
  }
}

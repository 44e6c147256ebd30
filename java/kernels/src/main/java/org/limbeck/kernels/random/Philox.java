// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.random;

/**
 * Philox4x32-10, a counter-based generator: word w of block i of a stream is a function of (seed,
 * stream, i, w) alone, so that any element's random number can be had at any time, on any device,
 * in any order.
 *
 * <p>The counter is (low word of i, high word of i, low word of stream, high word of stream), the
 * key (low word of seed, high word of seed).
 *
 * <p>Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
public final class Philox {
  /** The multiplier of the first counter pair. */
  public static final int MULTIPLIER_0 = 0xD2511F53;

  /** The multiplier of the second counter pair. */
  public static final int MULTIPLIER_1 = 0xCD9E8D57;

  /** What the first key word grows by each round. */
  public static final int KEY_STEP_0 = 0x9E3779B9;

  /** What the second key word grows by each round. */
  public static final int KEY_STEP_1 = 0xBB67AE85;

  /** The number of rounds. */
  public static final int ROUNDS = 10;

  private Philox() {}

  /**
   * Returns one 32-bit word.
   *
   * @param seed the key
   * @param stream the upper half of the counter
   * @param block the lower half of the counter
   * @param word which of the four words of the block, 0 to 3
   */
  public static int word(long seed, long stream, long block, int word) {
    int c0 = (int) block;
    int c1 = (int) (block >>> 32);
    int c2 = (int) stream;
    int c3 = (int) (stream >>> 32);
    int k0 = (int) seed;
    int k1 = (int) (seed >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      long p0 = unsigned(MULTIPLIER_0) * unsigned(c0);
      long p1 = unsigned(MULTIPLIER_1) * unsigned(c2);
      int next0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      int next2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c0 = next0;
      c1 = (int) p1;
      c2 = next2;
      c3 = (int) p0;
      k0 += KEY_STEP_0;
      k1 += KEY_STEP_1;
    }
    return switch (word) {
      case 0 -> c0;
      case 1 -> c1;
      case 2 -> c2;
      default -> c3;
    };
  }

  private static long unsigned(int x) {
    return Integer.toUnsignedLong(x);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.random;

/**
 * Standard normal variates as a function of (seed, stream, index), by Box and Muller's transform of
 * two {@link Philox} words a variate.
 *
 * <p>The radius takes (word + 1) / 2^32, never 0, so that no variate exceeds 6.7.
 *
 * <p><i>Determinism</i>: {@link StrictMath}, hence the same bits on every machine.
 *
 * <p>Source: Box and Muller, "A note on the generation of random normal deviates", 1958.
 */
public final class NormalVariates {
  private NormalVariates() {}

  /**
   * Returns one variate.
   *
   * @param seed the seed
   * @param stream which of the seed's streams
   * @param index the index in the stream, 0 or more
   */
  public static double at(long seed, long stream, long index) {
    double u = (Integer.toUnsignedLong(Philox.word(seed, stream, index, 0)) + 1) * 0x1p-32;
    double v = Integer.toUnsignedLong(Philox.word(seed, stream, index, 1)) * 0x1p-32;
    return StrictMath.sqrt(-2 * StrictMath.log(u)) * StrictMath.cos(2 * Math.PI * v);
  }
}

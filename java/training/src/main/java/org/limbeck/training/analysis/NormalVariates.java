// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.analysis;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.Philox;

/**
 * Standard normal variates as a function of (seed, stream, index), by Box and Muller's transform of
 * {@link Philox} words.
 *
 * <p>Variates 4i to 4i+3 come from block i: words 0 and 1 give the first two (cosine, sine), words
 * 2 and 3 the others. The radius takes (word + 1/2) / 2^32, never 0, so that no variate exceeds
 * 6.8.
 *
 * <p><i>Determinism</i>: {@link StrictMath}, hence the same bits on every machine.
 *
 * <p>Source: Box and Muller, "A note on the generation of random normal deviates", 1958.
 */
public final class NormalVariates {
  private static final double TWO_TO_MINUS_32 = 0x1p-32;

  private NormalVariates() {}

  /**
   * Returns one variate.
   *
   * @param seed the seed
   * @param stream which of the seed's streams
   * @param index the index in the stream, 0 or more
   */
  public static double at(long seed, long stream, long index) {
    long block = index >>> 2;
    int pair = (int) (index & 2);
    double first = Integer.toUnsignedLong(Philox.word(seed, stream, block, pair));
    double second = Integer.toUnsignedLong(Philox.word(seed, stream, block, pair + 1));
    double radius = StrictMath.sqrt(-2 * StrictMath.log((first + 0.5) * TWO_TO_MINUS_32));
    double angle = 2 * StrictMath.PI * second * TWO_TO_MINUS_32;
    return radius * ((index & 1) == 0 ? StrictMath.cos(angle) : StrictMath.sin(angle));
  }

  /**
   * Fills an F32 host matrix, row after row.
   *
   * @param seed the seed
   * @param stream which of the seed's streams
   * @param from the index of the variate for element (0, 0)
   * @param target receives consecutive variates, rounded to float
   */
  public static void fill(long seed, long stream, long from, Matrix target) {
    for (long row = 0; row < target.rows(); row++) {
      for (long col = 0; col < target.cols(); col++) {
        target.setFloat(row, col, (float) at(seed, stream, from + row * target.cols() + col));
      }
    }
  }
}

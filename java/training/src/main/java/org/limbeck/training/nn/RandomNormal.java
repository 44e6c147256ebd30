// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.random.Philox;

/** Normal random numbers from the counter-based generator, by the method of Box and Muller. */
public final class RandomNormal {
  private RandomNormal() {}

  /**
   * Returns number {@code index} of a stream of standard normal numbers.
   *
   * @param seed the seed
   * @param stream the stream
   * @param index the number's place, at least 0
   */
  public static double at(long seed, long stream, long index) {
    // (0, 1], so that the logarithm is finite.
    double u = (Integer.toUnsignedLong(Philox.word(seed, stream, index, 0)) + 1) * 0x1p-32;
    double v = Integer.toUnsignedLong(Philox.word(seed, stream, index, 1)) * 0x1p-32;
    return Math.sqrt(-2 * StrictMath.log(u)) * StrictMath.cos(2 * Math.PI * v);
  }

  /**
   * Fills a contiguous matrix of a device.
   *
   * @param memory the memory of the device
   * @param target F32 [rows, cols]
   * @param deviation the standard deviation
   * @param seed the seed
   * @param stream the stream
   */
  public static void fill(Memory memory, Matrix target, double deviation, long seed, long stream) {
    Tensors.upload(memory, target, i -> (float) (deviation * at(seed, stream, i)));
  }
}

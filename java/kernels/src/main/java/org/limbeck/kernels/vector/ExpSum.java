// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Exponentials of a row of logits relative to a shift, and their sum. */
final class ExpSum {
  /** After this many bytes a float sum is added to one in double: a whole number of vectors. */
  static final long BLOCK_BYTES = 2048;

  private ExpSum() {}

  /**
   * Stores exp(min((x - shift) factor, 0)) of whole vectors and returns their sum.
   *
   * @param xs the memory of the logits, none of them NaN
   * @param xo its byte offset
   * @param ys where the exponentials go; may be the logits themselves
   * @param yo its byte offset
   * @param keep whether all are kept; otherwise each block goes over the one before, into {@link
   *     #BLOCK_BYTES} at {@code yo}
   * @param bytes a multiple of a vector's bytes
   * @param shift what is subtracted, finite
   * @param factor above 0
   * @param scratch a slot of a vector's bytes at its beginning is overwritten
   */
  static double store(
      MemorySegment xs,
      long xo,
      MemorySegment ys,
      long yo,
      boolean keep,
      long bytes,
      float shift,
      float factor,
      MemorySegment scratch) {
    double sum = 0;
    for (long o = 0; o < bytes; o += BLOCK_BYTES) {
      long length = Math.min(BLOCK_BYTES, bytes - o);
      sum += block(xs, xo + o, ys, keep ? yo + o : yo, length, shift, factor, scratch);
    }
    return sum;
  }

  private static float block(
      MemorySegment xs,
      long xo,
      MemorySegment ys,
      long yo,
      long bytes,
      float shift,
      float factor,
      MemorySegment scratch) {
    FloatVector sum = FloatVector.zero(F32);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector x = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER);
      FloatVector e = VectorMath.exp(x.sub(shift).mul(factor).min(0f));
      e.intoMemorySegment(ys, yo + i, ORDER);
      sum = sum.add(e);
    }
    sum.intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sum(scratch, 0);
  }
}

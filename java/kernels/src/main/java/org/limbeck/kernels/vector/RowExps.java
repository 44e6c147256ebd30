// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The exponentials of a row of logits under a temperature, kept in scratch, and their sum. Found in
 * one reading: each block of them is relative to the maximum so far, and the sum is brought to each
 * new maximum.
 */
final class RowExps {
  /** Of a row at once: it stays in the first cache level between the two looks at it. */
  static final long BLOCK = 4096L * Float.BYTES;

  private final float inverse;

  // Where in scratch the exponentials are, and the maximum that each block is relative to.
  private MemorySegment scratch;
  private long at;
  private long tops;

  private long whole;
  private float max;
  private double sum;
  private boolean floored;

  /** Takes exponentials of logits times the inverse of a temperature. */
  RowExps(double temperature) {
    inverse = (float) (1 / temperature);
  }

  /** Returns the bytes of scratch for a row of {@code bytes}. */
  static long scratchBytes(long bytes) {
    return lineBytes(bytes) + ((bytes / BLOCK + 2) * Float.BYTES + 64 & -Tail.SLOT_BYTES);
  }

  /** Returns the bytes of a row and a vector, and one slot more against equal addresses. */
  static long lineBytes(long bytes) {
    return bytes + 3 * Tail.SLOT_BYTES & -Tail.SLOT_BYTES;
  }

  /** Sets where in scratch the exponentials of rows of {@code bytes} go. */
  void place(MemorySegment memory, long offset, long bytes) {
    scratch = memory;
    at = offset;
    tops = offset + lineBytes(bytes);
  }

  /**
   * Reads a row. Returns false where it has NaN, +infinity, logits out of bounds or none within
   * them.
   *
   * @param tail an offset in scratch for a padded vector
   * @param lanes an offset in scratch for sums
   */
  boolean scan(MemorySegment s, long offset, long bytes, long tail, long lanes) {
    whole = Lanes.wholeBytes(bytes);
    max = Float.NEGATIVE_INFINITY;
    sum = 0;
    floored = false;
    for (long i = 0; i < whole; i += BLOCK) {
      if (!scanBlock(s, offset + i, Math.min(BLOCK, whole - i), i, lanes)) {
        return false;
      }
      scratch.set(ValueLayout.JAVA_FLOAT, tops + i / BLOCK * Float.BYTES, max);
    }
    if (whole < bytes) {
      Tail.pad(s, offset + whole, bytes - whole, scratch, tail, KlLeaves.FLOOR);
      if (!scanBlock(scratch, tail, Lanes.BYTES, whole, lanes)) {
        return false;
      }
    }
    // Far above the floor, or what stands for removed columns would have a part.
    return max > 0.1f * KlLeaves.FLOOR;
  }

  private boolean scanBlock(MemorySegment s, long offset, long n, long i, long lanes) {
    long range = ExpSum.range(s, offset, n);
    float largest = ExpSum.largest(range);
    float smallest = ExpSum.smallest(range);
    // Written so that NaN is out of bounds. -infinity is looked at when both rows are known.
    if (!(largest <= -KlLeaves.FLOOR && smallest >= Float.NEGATIVE_INFINITY)) {
      return false;
    }
    floored |= smallest < KlLeaves.FLOOR;
    float top = Math.max(max, Math.max(largest, KlLeaves.FLOOR));
    if (top > max) {
      sum *= Math.exp(((double) max - top) * inverse);
      max = top;
    }
    sum += ExpSum.block(s, offset, scratch, at + i, n, range, max, inverse, scratch, lanes);
    return true;
  }

  /** Returns where in scratch the exponential of the logit at byte i of the row is. */
  long at(long i) {
    return at + i;
  }

  /**
   * Returns what turns the exponentials of the block at byte i of the row into factor times
   * probabilities. A tail is relative to the maximum of the whole row.
   */
  float scale(long i, double factor) {
    float then =
        i < whole ? scratch.get(ValueLayout.JAVA_FLOAT, tops + i / BLOCK * Float.BYTES) : max;
    double scale = factor / sum;
    return (float) (then == max ? scale : scale * Math.exp(((double) then - max) * inverse));
  }

  /** Returns the inverse of the temperature. */
  float inverse() {
    return inverse;
  }

  /** Returns the largest logit. */
  float max() {
    return max;
  }

  /** Returns the logarithm of the sum of exp((z - max) / temperature). */
  double logSum() {
    return Math.log(sum);
  }

  /** Returns whether there are logits below the floor, -infinity included. */
  boolean floored() {
    return floored;
  }
}

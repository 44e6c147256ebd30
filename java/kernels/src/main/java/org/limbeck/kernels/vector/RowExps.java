// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The exponentials of a row of logits under a temperature, kept in an array, and their sum. Found
 * in one reading: each block of them is relative to a top, the largest logit of an earlier block.
 * Only a block that reaches more than a temperature above it is looked at for its maximum and done
 * again, and the sum is brought to the new top.
 */
final class RowExps {
  /** Of a row at once: it stays in the first cache level if it has to be looked at again. */
  static final long BLOCK = 4096L * Float.BYTES;

  private final float inverse;
  private final float above;

  // The exponentials, and the top that each block is relative to.
  private float[] exps = new float[0];
  private float[] tops = new float[0];

  private long whole;
  private float top;
  private boolean careful;
  private double sum;
  private boolean floored;

  /** Takes exponentials of logits times the inverse of a temperature. */
  RowExps(double temperature) {
    inverse = (float) (1 / temperature);
    above = (float) temperature;
  }

  /** Makes room for rows of {@code bytes}. */
  void reserve(long bytes) {
    int floats = Math.toIntExact(bytes / Float.BYTES) + Lanes.FLOATS;
    if (exps.length < floats) {
      exps = new float[floats];
      tops = new float[Math.toIntExact(bytes / BLOCK) + 1];
    }
  }

  /**
   * Reads a row. Returns false where it has NaN, +infinity, logits out of bounds or none within
   * them.
   *
   * @param scratch memory for what follows
   * @param block the offset of a block
   * @param tail the offset of a padded vector
   * @param lanes the offset of a vector for sums
   */
  boolean scan(
      MemorySegment s,
      long offset,
      long bytes,
      MemorySegment scratch,
      long block,
      long tail,
      long lanes) {
    whole = Lanes.wholeBytes(bytes);
    top = Float.NEGATIVE_INFINITY;
    careful = true;
    sum = 0;
    floored = false;
    for (long i = 0; i < whole; i += BLOCK) {
      long n = Math.min(BLOCK, whole - i);
      if (!scanBlock(s, offset + i, n, i, scratch, block, lanes)) {
        return false;
      }
      tops[(int) (i / BLOCK)] = top;
    }
    if (whole < bytes) {
      Tail.pad(s, offset + whole, bytes - whole, scratch, tail, KlLeaves.FLOOR);
      if (!scanBlock(scratch, tail, Lanes.BYTES, whole, scratch, block, lanes)) {
        return false;
      }
    }
    // Far above the floor, or what stands for removed columns would have a part.
    return top > 0.1f * KlLeaves.FLOOR;
  }

  private boolean scanBlock(
      MemorySegment s, long offset, long n, long i, MemorySegment scratch, long block, long lanes) {
    int count = (int) (n / Float.BYTES);
    if (!careful
        && ExpSum.attempt(s, offset, exps, at(i), count, top, inverse, above, scratch, lanes)) {
      sum += scratch.get(ValueLayout.JAVA_FLOAT, lanes);
      return true;
    }
    long range = ExpSum.range(s, offset, n);
    float largest = ExpSum.largest(range);
    float smallest = ExpSum.smallest(range);
    // Written so that NaN is out of bounds. -infinity is looked at when both rows are known.
    if (!(largest <= -KlLeaves.FLOOR && smallest >= Float.NEGATIVE_INFINITY)) {
      return false;
    }
    floored |= smallest < KlLeaves.FLOOR;
    float newTop = Math.max(top, Math.max(largest, KlLeaves.FLOOR));
    if (newTop > top) {
      sum *= Math.exp(((double) top - newTop) * inverse);
      top = newTop;
    }
    // Where one block is too wide for the quick way, the next mostly is too.
    careful = (smallest - top) * inverse < ExpSum.LOWEST;
    sum +=
        ExpSum.block(s, offset, exps, at(i), count, top, inverse, scratch, block, scratch, lanes);
    return true;
  }

  /** Returns the exponentials; valid until the next row. */
  float[] exps() {
    return exps;
  }

  /** Returns the index of the exponential of the logit at byte i of the row. */
  static int at(long i) {
    return (int) (i / Float.BYTES);
  }

  /**
   * Returns what turns the exponentials of the block at byte i of the row into factor times
   * probabilities. A tail is relative to the last top.
   */
  float scale(long i, double factor) {
    float then = i < whole ? tops[(int) (i / BLOCK)] : top;
    double scale = factor / sum;
    return (float) (then == top ? scale : scale * Math.exp(((double) then - top) * inverse));
  }

  /** Returns the inverse of the temperature. */
  float inverse() {
    return inverse;
  }

  /** Returns what the exponentials are relative to: the largest logit, or less by a temperature. */
  float top() {
    return top;
  }

  /** Returns the logarithm of the sum of exp((z - top) / temperature). */
  double logSum() {
    return Math.log(sum);
  }

  /** Returns whether there are logits below the floor, -infinity included. */
  boolean floored() {
    return floored;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.FLOATS;
import static org.limbeck.kernels.vector.Lanes.I32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Exponentials of a row of logits relative to a shift, and their sum. The loop clamps nothing; it
 * keeps the largest and the smallest difference, and where these say that a logit was above the
 * shift or so far below that its exponential is 0, the block is clamped into a copy and done again.
 *
 * <p>The exponentials go into an array: C2 cannot take the checks of a segment out of a loop that
 * stores to segments, and there are fifty instructions of them for each vector.
 *
 * <p>No loop calls a method of ours. Whether C2 inlines such a call depends on what it compiled
 * before, and where it does not, every vector becomes an object.
 */
final class ExpSum {
  /** After this many bytes a float sum is added to one in double: a whole number of vectors. */
  static final long BLOCK_BYTES = 2048;

  /** Below this exp is taken as 0. */
  static final float LOWEST = -87f;

  // Above what the loop makes of LOWEST, 1.6458e-38, and not far above.
  private static final float TINY = 1.65e-38f;
  private static final double LOG2_E = 1 / Math.log(2);
  // 1.5 * 2^23: adding it rounds to an integer and leaves that integer in the low bits.
  private static final float ROUND = 12_582_912f;

  // A block of exponentials on their way to a segment.
  private static final ThreadLocal<float[]> BUFFER =
      ThreadLocal.withInitial(() -> new float[(int) BLOCK_BYTES / Float.BYTES]);

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
    float[] buffer = BUFFER.get();
    double sum = 0;
    for (long o = 0; o < bytes; o += BLOCK_BYTES) {
      long length = Math.min(BLOCK_BYTES, bytes - o);
      int count = (int) (length / Float.BYTES);
      long to = keep ? yo + o : yo;
      sum += block(xs, xo + o, buffer, 0, count, shift, factor, ys, to, scratch, 0);
      MemorySegment.copy(buffer, 0, ys, ValueLayout.JAVA_FLOAT, to, count);
    }
    return sum;
  }

  /**
   * The same for one block, into an array.
   *
   * @param es where the exponentials go
   * @param eo the index of the first
   * @param count a multiple of a vector's elements
   * @param clamped memory for as many floats, in case that logits have to be clamped
   * @param co its byte offset
   * @param slot the byte offset in scratch of a vector's bytes that are overwritten
   */
  static float block(
      MemorySegment xs,
      long xo,
      float[] es,
      int eo,
      int count,
      float shift,
      float factor,
      MemorySegment clamped,
      long co,
      MemorySegment scratch,
      long slot) {
    if (attempt(xs, xo, es, eo, count, shift, factor, 0, scratch, slot)) {
      return scratch.get(ValueLayout.JAVA_FLOAT, slot);
    }
    clamp(xs, xo, clamped, co, (long) count * Float.BYTES, shift, LOWEST / factor, 0);
    powers(clamped, co, es, eo, count, 0, (float) (factor * LOG2_E), scratch, slot);
    return dropTiny(es, eo, count, scratch, slot);
  }

  /**
   * Stores exp((x - shift) factor) and leaves the sum in the slot. Returns whether that is what it
   * says: no x is NaN or above shift + most, and no result below the smallest of normal numbers.
   */
  static boolean attempt(
      MemorySegment xs,
      long xo,
      float[] es,
      int eo,
      int count,
      float shift,
      float factor,
      float most,
      MemorySegment scratch,
      long slot) {
    float binary = (float) (factor * LOG2_E);
    long range = powers(xs, xo, es, eo, count, shift, binary, scratch, slot);
    Lanes.sum(scratch, slot);
    // Each is the other's where all signs are alike.
    return largest(range) <= most && smallest(range) * factor >= LOWEST;
  }

  /**
   * Stores 2^((x - shift) factor), none of them below 2^-126, and leaves the lanes of the sum in
   * the slot. Error below 2 ulp: the exponent is n + f, n an integer, |f| at most 1/2; 2^f by a
   * polynomial of degree 6 (the best of those with 1 at 0, 1.6e-8); 2^n by adding n to the exponent
   * bits. Returns the bits of the largest x - shift and of the smallest, high and low; where all
   * have one sign, the one nearer to 0 may stand for the other. NaN shows in one of them.
   */
  private static long powers(
      MemorySegment xs,
      long xo,
      float[] es,
      int eo,
      int count,
      float shift,
      float factor,
      MemorySegment scratch,
      long slot) {
    FloatVector sum = FloatVector.zero(F32);
    // In the order of signed integers the largest is last, in that of unsigned ones the smallest.
    IntVector last = IntVector.broadcast(I32, Integer.MIN_VALUE);
    IntVector lastUnsigned = IntVector.zero(I32);
    for (int i = 0; i < count; i += FLOATS) {
      FloatVector t =
          FloatVector.fromMemorySegment(F32, xs, xo + i * (long) Float.BYTES, ORDER).sub(shift);
      last = last.max(t.reinterpretAsInts());
      lastUnsigned = lastUnsigned.lanewise(VectorOperators.UMAX, t.reinterpretAsInts());
      FloatVector n = t.fma(FloatVector.broadcast(F32, factor), FloatVector.broadcast(F32, ROUND));
      FloatVector f =
          t.fma(FloatVector.broadcast(F32, factor), FloatVector.broadcast(F32, ROUND).sub(n));
      FloatVector p =
          f.fma(
              FloatVector.broadcast(F32, 1.5353362e-4f), FloatVector.broadcast(F32, 1.3398875e-3f));
      p = p.fma(f, FloatVector.broadcast(F32, 9.61843692e-3f));
      p = p.fma(f, FloatVector.broadcast(F32, 5.55033237e-2f));
      p = p.fma(f, FloatVector.broadcast(F32, 0.240226477f));
      p = p.fma(f, FloatVector.broadcast(F32, 0.693147182f));
      p = p.fma(f, FloatVector.broadcast(F32, 1f));
      FloatVector e =
          p.reinterpretAsInts()
              .add(n.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
              .reinterpretAsFloats();
      e.intoArray(es, eo + i);
      sum = sum.add(e);
    }
    sum.intoMemorySegment(scratch, slot, ORDER);
    int largest = last.reduceLanes(VectorOperators.MAX);
    int smallest =
        lastUnsigned
            .lanewise(VectorOperators.XOR, Integer.MIN_VALUE)
            .reduceLanes(VectorOperators.MAX);
    return (long) largest << 32 | (smallest ^ Integer.MIN_VALUE) & 0xFFFF_FFFFL;
  }

  /** Stores x - shift, brought into bounds. Not by min and max: they spend more on NaN and -0. */
  static void clamp(
      MemorySegment xs,
      long xo,
      MemorySegment ys,
      long yo,
      long bytes,
      float shift,
      float lowest,
      float highest) {
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector t = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).sub(shift);
      t.blend(lowest, t.compare(VectorOperators.LT, lowest))
          .blend(highest, t.compare(VectorOperators.GT, highest))
          .intoMemorySegment(ys, yo + i, ORDER);
    }
  }

  /** Puts 0 in place of the exponentials of what has been clamped from below; returns the sum. */
  private static float dropTiny(float[] es, int eo, int count, MemorySegment scratch, long slot) {
    FloatVector sum = FloatVector.zero(F32);
    for (int i = 0; i < count; i += FLOATS) {
      FloatVector e = FloatVector.fromArray(F32, es, eo + i);
      e = e.blend(0f, e.compare(VectorOperators.LT, TINY));
      e.intoArray(es, eo + i);
      sum = sum.add(e);
    }
    sum.intoMemorySegment(scratch, slot, ORDER);
    return Lanes.sum(scratch, slot);
  }

  /**
   * Returns the bits of the largest and of the smallest element of whole vectors, high and low; one
   * of them NaN if there is a NaN.
   *
   * <p>Compared as integers, one instruction each instead of six: those without sign are in the
   * order of their bits, below them those with sign in the reverse order.
   */
  static long range(MemorySegment s, long offset, long bytes) {
    IntVector max = IntVector.broadcast(I32, Integer.MIN_VALUE);
    IntVector min = IntVector.broadcast(I32, Integer.MAX_VALUE);
    IntVector flippedMax = max;
    for (long i = 0; i < bytes; i += BYTES) {
      IntVector v = IntVector.fromMemorySegment(I32, s, offset + i, ORDER);
      max = max.max(v);
      min = min.min(v);
      flippedMax = flippedMax.max(v.lanewise(VectorOperators.XOR, Integer.MIN_VALUE));
    }
    return range(
        max.reduceLanes(VectorOperators.MAX),
        min.reduceLanes(VectorOperators.MIN),
        flippedMax.reduceLanes(VectorOperators.MAX));
  }

  private static long range(int max, int min, int flippedMax) {
    int unsigned = flippedMax ^ Integer.MIN_VALUE;
    int largest = max >= 0 ? max : min;
    int smallest = unsigned < 0 ? unsigned : min;
    return (long) largest << 32 | smallest & 0xFFFF_FFFFL;
  }

  /** Returns the largest element of a packed range. */
  static float largest(long range) {
    return Float.intBitsToFloat((int) (range >> 32));
  }

  /** Returns the smallest element of a packed range. */
  static float smallest(long range) {
    return Float.intBitsToFloat((int) range);
  }

  /**
   * Whether no logit of a row is NaN or further from 0 than a limit.
   *
   * @param scratch memory for a padded vector
   * @param slot its byte offset
   */
  static boolean within(
      MemorySegment xs, long xo, long bytes, float limit, MemorySegment scratch, long slot) {
    long whole = Lanes.wholeBytes(bytes);
    boolean fits = true;
    for (long i = 0; i < whole && fits; i += RowExps.BLOCK) {
      fits = within(range(xs, xo + i, Math.min(RowExps.BLOCK, whole - i)), limit);
    }
    if (fits && whole < bytes) {
      Tail.pad(xs, xo + whole, bytes - whole, scratch, slot, 0);
      fits = within(range(scratch, slot, BYTES), limit);
    }
    return fits;
  }

  private static boolean within(long range, float limit) {
    return largest(range) <= limit && smallest(range) >= -limit;
  }
}

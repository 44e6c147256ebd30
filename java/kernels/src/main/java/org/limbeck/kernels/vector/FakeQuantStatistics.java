// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F64;
import static org.limbeck.kernels.vector.Lanes.I32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/**
 * fake_quant: the loops that read a piece and reduce it to two numbers, which they merge into a
 * pair of doubles in memory.
 *
 * <p>Sums are kept in double lanes: with float lanes the ternary threshold would be off by 1e-7 and
 * codes would differ from the reference. A float vector of magnitudes becomes two of doubles by
 * shifts, not by conversions of half vectors, which are objects at 128 bits: exponent and fraction,
 * moved to their places in a double whose other bits are 0, are the magnitude times 2^-896,
 * exactly, denormals included; only infinity and NaN are lost, which the largest magnitude shows.
 * Two vectors a step, and a loop that ends by !=, which C2 does not unroll: unrolled by C2, these
 * sums took two to three times as long. Tails are padded to a step with 0, or with an element of
 * the piece.
 */
final class FakeQuantStatistics {
  /** What is computed, and with it how two pairs are merged. */
  enum Kind {
    /** The sum of |x'|. */
    ABS_SUM,
    /** The sum and the number of those |x'| above a threshold. */
    KEPT,
    /** 0 and the largest |x|. */
    ABS_MAX,
    /** The smallest and the largest x. */
    RANGE
  }

  /** The bytes of a step of the loops. */
  private static final long STEP = 2L * BYTES;

  // Scratch: a slot for lanes, one for a count, two for a tail.
  private static final long TAIL = 2 * Tail.SLOT_BYTES;

  /** The scratch that a reduction takes. */
  static final long SCRATCH_BYTES = 4 * Tail.SLOT_BYTES;

  /** The bytes of a pair. */
  static final long PAIR_BYTES = 2 * Double.BYTES;

  private static final int MAGNITUDE_BITS = 0x7fff_ffff;

  // Where the 31 bits of a magnitude lie in the double that they are shifted into.
  private static final long WIDENED = (long) MAGNITUDE_BITS << 29;
  private static final double UNIT = 0x1p896;

  private FakeQuantStatistics() {}

  /** Writes the pair of no elements. */
  static void clear(Kind kind, MemorySegment pairs, long at) {
    boolean range = kind == Kind.RANGE;
    setFirst(pairs, at, range ? Double.POSITIVE_INFINITY : 0);
    setSecond(pairs, at, range ? Double.NEGATIVE_INFINITY : 0);
  }

  /** Merges a pair into the one at {@code at}. */
  static void merge(Kind kind, MemorySegment pairs, long at, double first, double second) {
    if (kind == Kind.ABS_SUM || kind == Kind.KEPT) {
      setFirst(pairs, at, first(pairs, at) + first);
      setSecond(pairs, at, second(pairs, at) + second);
    } else {
      setFirst(pairs, at, Math.min(first(pairs, at), first));
      setSecond(pairs, at, Math.max(second(pairs, at), second));
    }
  }

  static double first(MemorySegment pairs, long at) {
    return pairs.get(ValueLayout.JAVA_DOUBLE, at);
  }

  static double second(MemorySegment pairs, long at) {
    return pairs.get(ValueLayout.JAVA_DOUBLE, at + Double.BYTES);
  }

  private static void setFirst(MemorySegment pairs, long at, double value) {
    pairs.set(ValueLayout.JAVA_DOUBLE, at, value);
  }

  private static void setSecond(MemorySegment pairs, long at, double value) {
    pairs.set(ValueLayout.JAVA_DOUBLE, at + Double.BYTES, value);
  }

  /**
   * Reduces a piece.
   *
   * @param kind what to compute
   * @param xs the memory of the piece
   * @param xo its byte offset
   * @param bytes its length
   * @param clip the bound of x'; not applied for {@code ABS_MAX} and {@code RANGE}
   * @param threshold what {@code KEPT} keeps the magnitudes above
   * @param scratch {@link #SCRATCH_BYTES}
   * @param pairs the memory of the pair to merge the result into
   * @param at its byte offset
   */
  static void reduce(
      Kind kind,
      MemorySegment xs,
      long xo,
      long bytes,
      float clip,
      float threshold,
      MemorySegment scratch,
      MemorySegment pairs,
      long at) {
    long whole = bytes & -STEP;
    long rest = bytes - whole;
    if (whole > 0) {
      vectors(kind, xs, xo, whole, clip, threshold, scratch, pairs, at);
    }
    if (rest > 0) {
      float neutral = kind == Kind.RANGE ? xs.get(ValueLayout.JAVA_FLOAT, xo + whole) : 0;
      Tail.pad(xs, xo + whole, rest, scratch, TAIL, STEP, neutral);
      vectors(kind, scratch, TAIL, STEP, clip, threshold, scratch, pairs, at);
    }
  }

  private static void vectors(
      Kind kind,
      MemorySegment xs,
      long xo,
      long bytes,
      float clip,
      float threshold,
      MemorySegment scratch,
      MemorySegment pairs,
      long at) {
    switch (kind) {
      case ABS_SUM -> merge(kind, pairs, at, absSum(xs, xo, bytes, clip, scratch), 0);
      case KEPT -> {
        double sum = kept(xs, xo, bytes, clip, threshold, scratch);
        merge(kind, pairs, at, sum, scratch.get(ValueLayout.JAVA_INT, Tail.SLOT_BYTES));
      }
      case ABS_MAX -> merge(kind, pairs, at, 0, absMax(xs, xo, bytes));
      default -> {
        float high = range(xs, xo, bytes, scratch);
        merge(kind, pairs, at, scratch.get(ValueLayout.JAVA_FLOAT, 0), high);
      }
    }
  }

  /** Returns the sum of min(|x|, clip), NaN if there is one. */
  private static double absSum(
      MemorySegment xs, long xo, long bytes, float clip, MemorySegment scratch) {
    IntVector bound = IntVector.broadcast(I32, Float.floatToRawIntBits(clip));
    IntVector max = IntVector.zero(I32);
    long end = xo + bytes;
    DoubleVector low = DoubleVector.zero(F64);
    DoubleVector high = low;
    DoubleVector nextLow = low;
    DoubleVector nextHigh = low;
    for (long i = xo; i != end; i += STEP) {
      IntVector v = IntVector.fromMemorySegment(I32, xs, i, ORDER).and(MAGNITUDE_BITS);
      IntVector w = IntVector.fromMemorySegment(I32, xs, i + BYTES, ORDER).and(MAGNITUDE_BITS);
      max = max.max(v.max(w));
      LongVector p = v.min(bound).reinterpretAsLongs();
      LongVector q = w.min(bound).reinterpretAsLongs();
      low = low.add(p.lanewise(LSHL, 29).and(WIDENED).reinterpretAsDoubles());
      high = high.add(p.lanewise(LSHR, 3).and(WIDENED).reinterpretAsDoubles());
      nextLow = nextLow.add(q.lanewise(LSHL, 29).and(WIDENED).reinterpretAsDoubles());
      nextHigh = nextHigh.add(q.lanewise(LSHR, 3).and(WIDENED).reinterpretAsDoubles());
    }
    float largest = Float.intBitsToFloat(max.reduceLanes(VectorOperators.MAX));
    if (Float.isNaN(largest) || Math.min(largest, clip) == Float.POSITIVE_INFINITY) {
      return largest;
    }
    low.add(high).add(nextLow.add(nextHigh)).intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sumDoubles(scratch, 0) * UNIT;
  }

  /**
   * Returns the sum of those min(|x|, clip) whose |x| is above a threshold below the clip, and
   * leaves their number, an int, in the second slot of scratch. Undefined where there is a NaN.
   */
  private static double kept(
      MemorySegment xs, long xo, long bytes, float clip, float threshold, MemorySegment scratch) {
    IntVector bound = IntVector.broadcast(I32, Float.floatToRawIntBits(clip));
    IntVector limit = IntVector.broadcast(I32, Float.floatToRawIntBits(threshold));
    IntVector count = IntVector.zero(I32);
    long end = xo + bytes;
    DoubleVector low = DoubleVector.zero(F64);
    DoubleVector high = low;
    DoubleVector nextLow = low;
    DoubleVector nextHigh = low;
    for (long i = xo; i != end; i += STEP) {
      IntVector v = IntVector.fromMemorySegment(I32, xs, i, ORDER).and(MAGNITUDE_BITS);
      IntVector w = IntVector.fromMemorySegment(I32, xs, i + BYTES, ORDER).and(MAGNITUDE_BITS);
      // All ones above the limit: a difference of magnitudes does not overflow.
      IntVector vKept = limit.sub(v).lanewise(ASHR, 31);
      IntVector wKept = limit.sub(w).lanewise(ASHR, 31);
      count = count.sub(vKept.add(wKept));
      LongVector p = v.min(bound).and(vKept).reinterpretAsLongs();
      LongVector q = w.min(bound).and(wKept).reinterpretAsLongs();
      low = low.add(p.lanewise(LSHL, 29).and(WIDENED).reinterpretAsDoubles());
      high = high.add(p.lanewise(LSHR, 3).and(WIDENED).reinterpretAsDoubles());
      nextLow = nextLow.add(q.lanewise(LSHL, 29).and(WIDENED).reinterpretAsDoubles());
      nextHigh = nextHigh.add(q.lanewise(LSHR, 3).and(WIDENED).reinterpretAsDoubles());
    }
    scratch.set(ValueLayout.JAVA_INT, Tail.SLOT_BYTES, count.reduceLanes(VectorOperators.ADD));
    low.add(high).add(nextLow.add(nextHigh)).intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sumDoubles(scratch, 0) * UNIT;
  }

  /**
   * Returns the largest |x|, NaN if there is one: as integers, the bits of magnitudes have the
   * order of the magnitudes, with NaN above infinity.
   */
  private static float absMax(MemorySegment xs, long xo, long bytes) {
    IntVector max = IntVector.zero(I32);
    for (long i = 0; i < bytes; i += BYTES) {
      max = max.max(IntVector.fromMemorySegment(I32, xs, xo + i, ORDER).and(MAGNITUDE_BITS));
    }
    return Float.intBitsToFloat(max.reduceLanes(VectorOperators.MAX));
  }

  /**
   * Returns the largest x and leaves the smallest in the first slot of scratch; NaN if there is
   * one. The bits of floats, those below the sign turned over for negative ones, have the order of
   * the floats as integers: -0 below +0, NaN outside the infinities on the side of its sign.
   */
  private static float range(MemorySegment xs, long xo, long bytes, MemorySegment scratch) {
    IntVector min = IntVector.broadcast(I32, Integer.MAX_VALUE);
    IntVector max = IntVector.broadcast(I32, Integer.MIN_VALUE);
    for (long i = 0; i < bytes; i += BYTES) {
      IntVector v = IntVector.fromMemorySegment(I32, xs, xo + i, ORDER);
      v = v.lanewise(VectorOperators.ASHR, 31).and(MAGNITUDE_BITS).lanewise(VectorOperators.XOR, v);
      min = min.min(v);
      max = max.max(v);
    }
    float low = ordered(min.reduceLanes(VectorOperators.MIN));
    float high = ordered(max.reduceLanes(VectorOperators.MAX));
    boolean nan = Float.isNaN(low) || Float.isNaN(high);
    scratch.set(ValueLayout.JAVA_FLOAT, 0, nan ? Float.NaN : low);
    return nan ? Float.NaN : high;
  }

  private static float ordered(int bits) {
    return Float.intBitsToFloat(bits ^ (bits >> 31 & MAGNITUDE_BITS));
  }
}

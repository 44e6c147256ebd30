// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.F32;
import static org.limbeck.kernels.vector.Lanes.F64;
import static org.limbeck.kernels.vector.Lanes.I32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * fake_quant: the loops that read a piece and reduce it to two numbers, which they merge into a
 * pair of doubles in memory.
 *
 * <p>Sums are kept in double lanes: with float lanes the ternary threshold would be off by 1e-7 and
 * codes would differ from the reference. Two double vectors a float vector. Tails are padded to a
 * vector with 0, or with an element of the piece.
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

  /** The bytes of a pair. */
  static final long PAIR_BYTES = 2 * Double.BYTES;

  private static final int MAGNITUDE_BITS = 0x7fff_ffff;

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
   * @param scratch three slots of {@link Tail#SLOT_BYTES}
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
    long whole = Lanes.wholeBytes(bytes);
    long rest = bytes - whole;
    if (whole > 0) {
      vectors(kind, xs, xo, whole, clip, threshold, scratch, pairs, at);
    }
    if (rest > 0) {
      float neutral = kind == Kind.RANGE ? xs.get(ValueLayout.JAVA_FLOAT, xo + whole) : 0;
      Tail.pad(xs, xo + whole, rest, scratch, 2 * Tail.SLOT_BYTES, neutral);
      vectors(kind, scratch, 2 * Tail.SLOT_BYTES, BYTES, clip, threshold, scratch, pairs, at);
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
        merge(kind, pairs, at, sum, Lanes.sum(scratch, Tail.SLOT_BYTES));
      }
      case ABS_MAX -> merge(kind, pairs, at, 0, absMax(xs, xo, bytes));
      default -> {
        float high = range(xs, xo, bytes, scratch);
        merge(kind, pairs, at, scratch.get(ValueLayout.JAVA_FLOAT, 0), high);
      }
    }
  }

  /** Returns the sum of min(|x|, clip); NaN passes the comparison by and spreads. */
  private static double absSum(
      MemorySegment xs, long xo, long bytes, float clip, MemorySegment scratch) {
    FloatVector bound = FloatVector.broadcast(F32, clip);
    DoubleVector low = DoubleVector.zero(F64);
    DoubleVector high = DoubleVector.zero(F64);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).abs();
      v = v.blend(bound, v.compare(VectorOperators.GT, bound));
      low = low.add(v.convertShape(VectorOperators.F2D, F64, 0));
      high = high.add(v.convertShape(VectorOperators.F2D, F64, 1));
    }
    low.add(high).intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sumDoubles(scratch, 0);
  }

  /**
   * Returns the sum of those min(|x|, clip) whose |x| is above a threshold below the clip, and
   * leaves their number in the second slot of scratch, a count for each lane, exact in float as a
   * piece is short.
   */
  private static double kept(
      MemorySegment xs, long xo, long bytes, float clip, float threshold, MemorySegment scratch) {
    FloatVector bound = FloatVector.broadcast(F32, clip);
    FloatVector zero = FloatVector.zero(F32);
    FloatVector one = FloatVector.broadcast(F32, 1);
    FloatVector limit = FloatVector.broadcast(F32, threshold);
    FloatVector count = zero;
    DoubleVector low = DoubleVector.zero(F64);
    DoubleVector high = DoubleVector.zero(F64);
    for (long i = 0; i < bytes; i += BYTES) {
      FloatVector v = FloatVector.fromMemorySegment(F32, xs, xo + i, ORDER).abs();
      VectorMask<Float> above = v.compare(VectorOperators.GT, limit);
      v = zero.blend(v.blend(bound, v.compare(VectorOperators.GT, bound)), above);
      count = count.add(zero.blend(one, above));
      low = low.add(v.convertShape(VectorOperators.F2D, F64, 0));
      high = high.add(v.convertShape(VectorOperators.F2D, F64, 1));
    }
    count.intoMemorySegment(scratch, Tail.SLOT_BYTES, ORDER);
    low.add(high).intoMemorySegment(scratch, 0, ORDER);
    return Lanes.sumDoubles(scratch, 0);
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

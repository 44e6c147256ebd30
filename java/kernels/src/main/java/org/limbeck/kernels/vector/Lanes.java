// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The vector shape in use and the constants of loops over it. Fixed when the class is loaded. */
final class Lanes {
  /** The width of a vector in bits. */
  static final int BITS =
      Integer.getInteger(
          VectorProvider.BITS_PROPERTY, FloatVector.SPECIES_PREFERRED.vectorBitSize());

  static final VectorShape SHAPE = VectorShape.forBitSize(BITS);
  static final VectorSpecies<Float> F32 = VectorSpecies.of(float.class, SHAPE);

  /** As many floats as {@link #F64} has doubles, for sums of floats in double. */
  static final VectorSpecies<Float> F32_HALF =
      VectorSpecies.of(float.class, VectorShape.forBitSize(BITS / 2));

  static final VectorSpecies<Double> F64 = VectorSpecies.of(double.class, SHAPE);
  static final VectorSpecies<Integer> I32 = VectorSpecies.of(int.class, SHAPE);
  static final VectorSpecies<Long> I64 = VectorSpecies.of(long.class, SHAPE);

  /** The byte order of all tensors. */
  static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** The number of floats in a vector. */
  static final int FLOATS = F32.length();

  /** The number of bytes in a vector. */
  static final int BYTES = BITS / 8;

  /** The number of bytes in a vector of {@link #F32_HALF}. */
  static final int HALF_BYTES = BYTES / 2;

  private static final long CHUNK_ELEMENTS = 1 << 15;

  private Lanes() {}

  /** Returns the largest multiple of a vector's bytes that is not above a number of bytes. */
  static long wholeBytes(long bytes) {
    return bytes & -BYTES;
  }

  /** Returns an element. */
  static float get(MemorySegment segment, long offset) {
    return segment.get(ValueLayout.JAVA_FLOAT, offset);
  }

  /** Stores an element. */
  static void set(MemorySegment segment, long offset, float value) {
    segment.set(ValueLayout.JAVA_FLOAT, offset, value);
  }

  /**
   * Returns the sum of the floats of a vector that was stored in scratch, added in halves: lane i
   * and lane i + n / 2, and so on. {@code reduceLanes} leaves the order open, and interpreter and
   * compiler differ in it.
   *
   * @param scratch where the vector was stored; overwritten
   * @param offset its byte offset
   */
  static float sum(MemorySegment scratch, long offset) {
    for (long half = BYTES / 2; half >= Float.BYTES; half /= 2) {
      for (long i = offset; i < offset + half; i += Float.BYTES) {
        scratch.set(
            ValueLayout.JAVA_FLOAT,
            i,
            scratch.get(ValueLayout.JAVA_FLOAT, i) + scratch.get(ValueLayout.JAVA_FLOAT, i + half));
      }
    }
    return scratch.get(ValueLayout.JAVA_FLOAT, offset);
  }

  /** Returns the sum of the doubles of a vector, in the order of {@link #sum}; leaves scratch. */
  static double sumDoubles(MemorySegment scratch, long offset) {
    return sumOfHalf(scratch, offset) + sumOfHalf(scratch, offset + 8);
  }

  /** Returns the sum of every second double, of up to four. */
  private static double sumOfHalf(MemorySegment scratch, long offset) {
    double sum = scratch.get(ValueLayout.JAVA_DOUBLE, offset);
    if (BYTES == 32) {
      sum += scratch.get(ValueLayout.JAVA_DOUBLE, offset + 16);
    } else if (BYTES == 64) {
      sum += scratch.get(ValueLayout.JAVA_DOUBLE, offset + 32);
      sum +=
          scratch.get(ValueLayout.JAVA_DOUBLE, offset + 16)
              + scratch.get(ValueLayout.JAVA_DOUBLE, offset + 48);
    }
    return sum;
  }

  /**
   * Returns how many rows make a chunk worth handing to a thread: enough elements to pay for the
   * hand-over, and never dependent on the number of threads.
   */
  static long rowsPerChunk(long cols) {
    return Math.max(1, CHUNK_ELEMENTS / Math.max(1, cols));
  }
}

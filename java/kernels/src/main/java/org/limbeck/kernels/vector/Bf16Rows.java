// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.FLOATS;
import static org.limbeck.kernels.vector.Lanes.HALF_BYTES;
import static org.limbeck.kernels.vector.Lanes.I32;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.limbeck.kernels.memory.Bfloat16;

/**
 * Rows of bfloat16 as floats, and back: what kernels in float read and write by way of scratch.
 * Offsets are in bytes, counts in elements.
 */
final class Bf16Rows {
  /** As many shorts as {@link Lanes#I32} has ints. */
  private static final VectorSpecies<Short> I16_HALF =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Lanes.BITS / 2));

  private Bf16Rows() {}

  /** Widens a row; exact. */
  static void widen(MemorySegment from, long at, MemorySegment to, long toAt, long count) {
    long whole = count - count % FLOATS;
    widenWhole(from, at, to, toAt, whole / FLOATS);
    for (long i = whole; i < count; i++) {
      short bits = from.get(ValueLayout.JAVA_SHORT, at + i * Short.BYTES);
      to.set(ValueLayout.JAVA_FLOAT, toAt + i * Float.BYTES, Bfloat16.toFloat(bits));
    }
  }

  private static void widenWhole(
      MemorySegment from, long at, MemorySegment to, long toAt, long vectors) {
    for (long i = 0; i < vectors; i++) {
      ShortVector.fromMemorySegment(I16_HALF, from, at + i * HALF_BYTES, ORDER)
          .convertShape(VectorOperators.ZERO_EXTEND_S2I, I32, 0)
          .reinterpretAsInts()
          .lanewise(VectorOperators.LSHL, 16)
          .intoMemorySegment(to, toAt + i * BYTES, ORDER);
    }
  }

  /** Rounds a row as {@link Bfloat16#fromFloat} does. */
  static void narrow(MemorySegment from, long at, MemorySegment to, long toAt, long count) {
    long whole = count - count % FLOATS;
    narrowWhole(from, at, to, toAt, whole / FLOATS);
    for (long i = whole; i < count; i++) {
      float value = from.get(ValueLayout.JAVA_FLOAT, at + i * Float.BYTES);
      to.set(ValueLayout.JAVA_SHORT, toAt + i * Short.BYTES, Bfloat16.fromFloat(value));
    }
  }

  private static void narrowWhole(
      MemorySegment from, long at, MemorySegment to, long toAt, long vectors) {
    for (long i = 0; i < vectors; i++) {
      IntVector bits = IntVector.fromMemorySegment(I32, from, at + i * BYTES, ORDER);
      IntVector upper = bits.lanewise(VectorOperators.LSHR, 16);
      VectorMask<Integer> nan = bits.and(0x7FFFFFFF).compare(VectorOperators.GT, 0x7F800000);
      // Half a unit, or less by the smallest bit where the last place is even.
      bits.add(upper.and(1))
          .add(0x7FFF)
          .lanewise(VectorOperators.LSHR, 16)
          // The fraction bits that remain of a NaN may all be 0, which would be an infinity.
          .blend(upper.or(0x0040), nan)
          .convertShape(VectorOperators.I2S, I16_HALF, 0)
          .reinterpretAsShorts()
          .intoMemorySegment(to, toAt + i * HALF_BYTES, ORDER);
    }
  }
}

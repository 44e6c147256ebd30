// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import static org.limbeck.kernels.vector.Lanes.BYTES;
import static org.limbeck.kernels.vector.Lanes.I64;
import static org.limbeck.kernels.vector.Lanes.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import org.limbeck.kernels.random.Philox;

/**
 * {@link Philox} for many consecutive blocks at once. Each 32-bit word lies in a 64-bit lane, so
 * that a product is one multiplication. The counters rest in scratch between pairs of rounds: ten
 * rounds in one method are more than C2 inlines.
 */
final class VectorPhilox {
  /** The most blocks of a call. */
  static final int MAX_BLOCKS = 256;

  /** The bytes of scratch of a call. */
  static final long SCRATCH_BYTES = 4L * MAX_BLOCKS * Long.BYTES;

  private static final long ARRAY_BYTES = MAX_BLOCKS * Long.BYTES;
  private static final long LOW_WORD = 0xFFFF_FFFFL;
  private static final long MULTIPLIER_0 = Integer.toUnsignedLong(Philox.MULTIPLIER_0);
  private static final long MULTIPLIER_1 = Integer.toUnsignedLong(Philox.MULTIPLIER_1);

  private static final int LANES = I64.length();

  private VectorPhilox() {}

  /**
   * Stores the words of consecutive blocks, block after block, word 0 first.
   *
   * @param seed the key
   * @param stream the upper half of the counter
   * @param firstBlock the lower half of the counter of the first block
   * @param blocks how many blocks, at most {@link #MAX_BLOCKS}; up to a vector more are stored
   * @param scratch {@link #SCRATCH_BYTES} for the counters
   * @param scratchOffset their byte offset
   * @param words where the words go, 16 bytes a block, {@link #MAX_BLOCKS} blocks of room
   * @param wordsOffset their byte offset
   */
  static void words(
      long seed,
      long stream,
      long firstBlock,
      int blocks,
      MemorySegment scratch,
      long scratchOffset,
      MemorySegment words,
      long wordsOffset) {
    long bytes = (blocks * (long) Long.BYTES + BYTES - 1) & -BYTES;
    start(firstBlock, stream, scratch, scratchOffset, bytes);
    int key0 = (int) seed;
    int key1 = (int) (seed >>> 32);
    for (int round = 0; round < Philox.ROUNDS; round += 2) {
      twoRounds(
          scratch,
          scratchOffset,
          bytes,
          Integer.toUnsignedLong(key0),
          Integer.toUnsignedLong(key1),
          Integer.toUnsignedLong(key0 + Philox.KEY_STEP_0),
          Integer.toUnsignedLong(key1 + Philox.KEY_STEP_1));
      key0 += Philox.KEY_STEP_0 << 1;
      key1 += Philox.KEY_STEP_1 << 1;
    }
    interleave(scratch, scratchOffset, words, wordsOffset, bytes);
  }

  private static void start(
      long firstBlock, long stream, MemorySegment counters, long offset, long bytes) {
    LongVector block = LongVector.broadcast(I64, firstBlock).addIndex(1);
    LongVector streamLow = LongVector.broadcast(I64, stream & LOW_WORD);
    LongVector streamHigh = LongVector.broadcast(I64, stream >>> 32);
    for (long i = offset; i < offset + bytes; i += BYTES) {
      block.and(LOW_WORD).intoMemorySegment(counters, i, ORDER);
      block.lanewise(VectorOperators.LSHR, 32).intoMemorySegment(counters, i + ARRAY_BYTES, ORDER);
      streamLow.intoMemorySegment(counters, i + 2 * ARRAY_BYTES, ORDER);
      streamHigh.intoMemorySegment(counters, i + 3 * ARRAY_BYTES, ORDER);
      block = block.add(LANES);
    }
  }

  private static void twoRounds(
      MemorySegment counters,
      long offset,
      long bytes,
      long key0,
      long key1,
      long nextKey0,
      long nextKey1) {
    for (long i = offset; i < offset + bytes; i += BYTES) {
      LongVector c0 = LongVector.fromMemorySegment(I64, counters, i, ORDER);
      LongVector c1 = LongVector.fromMemorySegment(I64, counters, i + ARRAY_BYTES, ORDER);
      LongVector c2 = LongVector.fromMemorySegment(I64, counters, i + 2 * ARRAY_BYTES, ORDER);
      LongVector c3 = LongVector.fromMemorySegment(I64, counters, i + 3 * ARRAY_BYTES, ORDER);
      LongVector p0 = c0.mul(MULTIPLIER_0);
      LongVector p1 = c2.mul(MULTIPLIER_1);
      LongVector d0 =
          p1.lanewise(VectorOperators.LSHR, 32)
              .lanewise(VectorOperators.XOR, c1)
              .lanewise(VectorOperators.XOR, key0);
      LongVector d2 =
          p0.lanewise(VectorOperators.LSHR, 32)
              .lanewise(VectorOperators.XOR, c3)
              .lanewise(VectorOperators.XOR, key1);
      LongVector q0 = d0.mul(MULTIPLIER_0);
      LongVector q1 = d2.mul(MULTIPLIER_1);
      // The low halves of the first round's products are d1 and d3.
      q1.lanewise(VectorOperators.LSHR, 32)
          .lanewise(VectorOperators.XOR, p1.and(LOW_WORD))
          .lanewise(VectorOperators.XOR, nextKey0)
          .intoMemorySegment(counters, i, ORDER);
      q1.and(LOW_WORD).intoMemorySegment(counters, i + ARRAY_BYTES, ORDER);
      q0.lanewise(VectorOperators.LSHR, 32)
          .lanewise(VectorOperators.XOR, p0.and(LOW_WORD))
          .lanewise(VectorOperators.XOR, nextKey1)
          .intoMemorySegment(counters, i + 2 * ARRAY_BYTES, ORDER);
      q0.and(LOW_WORD).intoMemorySegment(counters, i + 3 * ARRAY_BYTES, ORDER);
    }
  }

  /**
   * Stores words 0 to 3 of each block side by side, as two longs. Not by rearranged vectors: those
   * of 128 bits are no intrinsics.
   */
  private static void interleave(
      MemorySegment counters, long offset, MemorySegment words, long wordsOffset, long bytes) {
    for (long i = 0; i < bytes; i += Long.BYTES) {
      long at = offset + i;
      long first = get(counters, at) | get(counters, at + ARRAY_BYTES) << 32;
      long second = get(counters, at + 2 * ARRAY_BYTES) | get(counters, at + 3 * ARRAY_BYTES) << 32;
      words.set(ValueLayout.JAVA_LONG, wordsOffset + 2 * i, first);
      words.set(ValueLayout.JAVA_LONG, wordsOffset + 2 * i + Long.BYTES, second);
    }
  }

  private static long get(MemorySegment counters, long offset) {
    return counters.get(ValueLayout.JAVA_LONG, offset);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The last elements of a row, fewer than a vector holds. A kernel copies them into scratch, padded
 * to one vector with a value that does not change the result, runs its loop over that vector, and
 * copies the results back.
 *
 * <p>Why not masks: a masked load or store that reaches past the end of a segment makes objects on
 * every call. Why not a second body for the tail: it would be a copy of the formula, and in long
 * methods two copies pass C2's limit on nodes, from where on every vector is an object.
 */
final class Tail {
  /** The bytes of scratch that a slot takes: the widest vector. */
  static final long SLOT_BYTES = 64;

  private Tail() {}

  /**
   * Copies a tail into scratch and fills the rest of a vector.
   *
   * @param segment the memory of the row
   * @param offset the byte offset of the tail
   * @param bytes the length of the tail, less than a vector
   * @param scratch where to
   * @param scratchOffset the byte offset of the slot
   * @param neutral what the rest is filled with
   */
  static void pad(
      MemorySegment segment,
      long offset,
      long bytes,
      MemorySegment scratch,
      long scratchOffset,
      float neutral) {
    pad(segment, offset, bytes, scratch, scratchOffset, Lanes.BYTES, neutral);
  }

  /** As above, but fills the rest of {@code padded} bytes. */
  static void pad(
      MemorySegment segment,
      long offset,
      long bytes,
      MemorySegment scratch,
      long scratchOffset,
      long padded,
      float neutral) {
    for (long i = 0; i < bytes; i += Float.BYTES) {
      scratch.set(
          ValueLayout.JAVA_FLOAT,
          scratchOffset + i,
          segment.get(ValueLayout.JAVA_FLOAT, offset + i));
    }
    for (long i = bytes; i < padded; i += Float.BYTES) {
      scratch.set(ValueLayout.JAVA_FLOAT, scratchOffset + i, neutral);
    }
  }

  /**
   * Copies the elements of a tail back from scratch.
   *
   * @param scratch where from
   * @param scratchOffset the byte offset of the slot
   * @param segment the memory of the row
   * @param offset the byte offset of the tail
   * @param bytes the length of the tail, less than a vector
   */
  static void unpad(
      MemorySegment scratch, long scratchOffset, MemorySegment segment, long offset, long bytes) {
    for (long i = 0; i < bytes; i += Float.BYTES) {
      segment.set(
          ValueLayout.JAVA_FLOAT,
          offset + i,
          scratch.get(ValueLayout.JAVA_FLOAT, scratchOffset + i));
    }
  }
}

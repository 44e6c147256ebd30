// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.Matrix;

/**
 * What kernels share: how a matrix becomes a pointer, chunks, sums.
 *
 * <p>A pointer is a part of the matrix's own segment, not an address: the call then holds the
 * arena, and closing it meanwhile on another thread is refused instead of pulling the memory away.
 */
final class Native {
  private static final long CHUNK_ELEMENTS = 1 << 15;

  private Native() {}

  /** Returns a pointer to element (0, 0) of a matrix. */
  static MemorySegment pointer(Matrix m) {
    return m.data();
  }

  /** Returns a pointer to the first element of a row. */
  static MemorySegment pointer(Matrix m, long row) {
    return pointer(m, row, 0);
  }

  /** Returns a pointer to an element; its column may lie past the last one, in another matrix. */
  static MemorySegment pointer(Matrix m, long row, long col) {
    // Without elements there may be no memory for a row or a column to lie in.
    long first = m.rowOffsetBytes(row) + col * m.type().bytes();
    return m.segment().asSlice(m.elements() == 0 ? m.offsetBytes() : first);
  }

  /** Returns a pointer to element (0, 0) of a matrix, or the null pointer. */
  static MemorySegment optional(Matrix m) {
    return m == null ? MemorySegment.NULL : m.data();
  }

  /** Returns a pointer to an element, or the null pointer. */
  static MemorySegment optional(Matrix m, long row, long col) {
    // One slice on both ways: of two that meet, the compiler would make objects.
    MemorySegment segment = m == null ? MemorySegment.NULL : m.segment();
    return segment.asSlice(m == null ? 0 : m.rowOffsetBytes(row) + col * m.type().bytes());
  }

  /** Returns the row stride of a matrix in elements, 0 for null. */
  static long stride(Matrix m) {
    return m == null ? 0 : m.rowStride();
  }

  /**
   * Returns how many rows make a chunk worth handing to a thread: enough elements to pay for the
   * hand-over, and never dependent on the number of threads.
   */
  static long rowsPerChunk(long cols) {
    return Math.max(1, CHUNK_ELEMENTS / Math.max(1, cols));
  }

  /** Returns the sum of doubles in memory, in their order. */
  static double sum(MemorySegment doubles, long first, long count) {
    double sum = 0;
    for (long i = first; i < first + count; i++) {
      sum += doubles.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
    }
    return sum;
  }

  static long roundUp(long value, long multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.Matrix;

/**
 * What kernels share: how a matrix becomes a pointer, chunks, sums.
 *
 * <p>A pointer is the segment that a matrix keeps, not an address: the call then holds the arena,
 * and closing it meanwhile on another thread is refused instead of pulling the memory away. Parts
 * of a matrix are named by offsets beside the pointer: a slice for each call may become an object.
 */
final class Native {
  private static final long CHUNK_ELEMENTS = 1 << 15;
  private static final long BALANCED_CHUNKS = 4;

  private Native() {}

  /** Returns a pointer to element (0, 0) of a matrix. */
  static MemorySegment pointer(Matrix m) {
    return m.data();
  }

  /** Returns a pointer to element (0, 0) of a matrix, or the null pointer. */
  static MemorySegment optional(Matrix m) {
    return m == null ? MemorySegment.NULL : m.data();
  }

  /** Returns how many elements an element lies behind element (0, 0), 0 for null. */
  static long at(Matrix m, long row, long col) {
    return m == null ? 0 : row * m.rowStride() + col;
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

  /**
   * Returns how many rows make a chunk where chunks only share the work: about equal ones, and
   * where there are several as many for each of two or four threads.
   */
  static long rowsPerChunk(long rows, long cols) {
    long most = rowsPerChunk(cols);
    return rows <= most
        ? most
        : Math.ceilDiv(rows, roundUp(Math.ceilDiv(rows, most), BALANCED_CHUNKS));
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

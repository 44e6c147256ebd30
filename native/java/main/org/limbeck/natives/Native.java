// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Op;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * What kernels share: how a matrix becomes a pointer, chunks, status codes.
 *
 * <p>A pointer is a slice of the matrix's own segment, not an address: the call then holds the
 * arena, and closing it meanwhile on another thread is refused instead of pulling the memory away.
 *
 * <p>Kernels call through the bindings' method handles: a binding that the compiler has compiled by
 * itself may be too big to be inlined, and the slices would become objects.
 */
final class Native {
  private static final long CHUNK_ELEMENTS = 1 << 15;

  private Native() {}

  /** Returns a pointer to element (0, 0) of a matrix. */
  static MemorySegment pointer(Matrix m) {
    return m.segment().asSlice(m.offsetBytes());
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
    return optional(m, 0, 0);
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

  static long roundUp(long value, long multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }

  /**
   * Checks what a function of the library returned.
   *
   * @throws IllegalStateException if it refused its arguments, which the contract allows
   */
  static void check(int status, Op<?, ?> op) {
    if (status != LimbeckH.LB_OK()) {
      throw new IllegalStateException(
          op + ": the native kernel refused its arguments with status " + status);
    }
  }

  /** Returns what a call through a method handle threw as what a kernel may throw. */
  static RuntimeException unexpected(Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    return thrown instanceof RuntimeException known ? known : new IllegalStateException(thrown);
  }
}

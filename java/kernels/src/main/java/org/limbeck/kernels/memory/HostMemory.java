// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Off-heap memory of this process, one shared arena for all that is allocated from it.
 *
 * <p>Close it once, when a model or a run ends, not once a call: closing a shared arena makes every
 * thread of the process pass a handshake.
 */
public final class HostMemory implements Memory {
  /** The alignment in bytes of everything allocated: a cache line, and the widest vector. */
  public static final long ALIGNMENT = 64;

  private final Arena arena = Arena.ofShared();

  /** Opens memory of its own; the caller closes it. */
  public HostMemory() {}

  @Override
  public Device device() {
    return Device.HOST;
  }

  @Override
  public Matrix matrix(DType type, long rows, long cols) {
    if (rows < 0 || cols < 0) {
      throw new IllegalArgumentException(
          "HostMemory.matrix: given shape ["
              + rows
              + ", "
              + cols
              + "], expected sizes of 0 or more");
    }
    long bytes;
    try {
      bytes = Math.multiplyExact(Math.multiplyExact(rows, cols), type.bytes());
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "HostMemory.matrix: given shape ["
              + rows
              + ", "
              + cols
              + "] of "
              + type
              + ", expected at most 2^63 - 1 bytes",
          e);
    }
    MemorySegment segment = arena.allocate(bytes, ALIGNMENT);
    return Matrix.of(HostBuffer.of(segment), type, rows, cols);
  }

  /**
   * Copies an array into a new F32 matrix: the one door for data on the heap.
   *
   * @param rowMajor the elements, row after row; its length is {@code rows * cols}
   * @param rows the number of rows
   * @param cols the number of columns
   * @return a new contiguous matrix
   * @throws IllegalArgumentException if the length does not fit the shape
   */
  public Matrix copyOf(float[] rowMajor, long rows, long cols) {
    checkLength(rowMajor.length, rows, cols);
    Matrix matrix = matrix(DType.F32, rows, cols);
    MemorySegment.copy(
        rowMajor,
        0,
        matrix.segment(),
        ValueLayout.JAVA_FLOAT,
        matrix.offsetBytes(),
        rowMajor.length);
    return matrix;
  }

  /**
   * Copies an array into a new I64 vector, for labels and vocabulary indices.
   *
   * @param elements the elements
   * @return a matrix of shape [1, elements.length]
   */
  public Matrix copyOf(long[] elements) {
    Matrix matrix = vector(DType.I64, elements.length);
    MemorySegment.copy(
        elements,
        0,
        matrix.segment(),
        ValueLayout.JAVA_LONG,
        matrix.offsetBytes(),
        elements.length);
    return matrix;
  }

  /**
   * Copies an array into a new I32 vector, for sequence lengths.
   *
   * @param elements the elements
   * @return a matrix of shape [1, elements.length]
   */
  public Matrix copyOf(int[] elements) {
    Matrix matrix = vector(DType.I32, elements.length);
    MemorySegment.copy(
        elements, 0, matrix.segment(), ValueLayout.JAVA_INT, matrix.offsetBytes(), elements.length);
    return matrix;
  }

  private static void checkLength(int length, long rows, long cols) {
    if (rows < 0 || cols < 0 || length != rows * cols) {
      throw new IllegalArgumentException(
          "HostMemory.copyOf: given "
              + length
              + " elements for shape ["
              + rows
              + ", "
              + cols
              + "], expected rows * cols elements");
    }
  }

  @Override
  public void upload(Matrix host, Matrix target) {
    target.copyFrom(host);
  }

  @Override
  public void download(Matrix source, Matrix host) {
    host.copyFrom(source);
  }

  @Override
  public void zero(Matrix target) {
    checkUsable("zero", "target", target);
    long rows = target.isContiguous() ? Math.min(1, target.rows()) : target.rows();
    long bytes = target.isContiguous() ? target.elements() : target.cols();
    bytes *= target.type().bytes();
    for (long r = 0; r < rows && bytes > 0; r++) {
      target.segment().asSlice(target.rowOffsetBytes(r), bytes).fill((byte) 0);
    }
  }

  @Override
  public void copy(Matrix source, Matrix target) {
    checkUsable("copy", "source", source);
    checkUsable("copy", "target", target);
    if (target.type() != source.type()
        || target.rows() != source.rows()
        || target.cols() != source.cols()) {
      throw bad("copy", "target", target, "the type and shape of source, " + source);
    }
    if (target.sameView(source)) {
      return;
    }
    if (target.overlaps(source)) {
      throw bad(
          "copy",
          "target",
          "memory that overlaps source in part",
          "exactly the same view or separate memory");
    }
    if (source.isContiguous() && target.isContiguous()) {
      target.reshape(1, target.elements()).copyFrom(source.reshape(1, source.elements()));
    } else {
      target.copyFrom(source);
    }
  }

  private static void checkUsable(String operation, String argument, Matrix matrix) {
    if (!matrix.buffer().device().isHost()) {
      throw bad(operation, argument, matrix, "a matrix on " + Device.HOST);
    }
    if (!matrix.buffer().isAlive()) {
      throw new IllegalStateException(
          "HostMemory."
              + operation
              + ": "
              + argument
              + ": given a closed buffer, expected an open one");
    }
  }

  private static IllegalArgumentException bad(
      String operation, String argument, Object given, String expected) {
    return new IllegalArgumentException(
        "HostMemory."
            + operation
            + ": "
            + argument
            + ": given "
            + given
            + ", expected "
            + expected);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}

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
public final class HostMemory extends CheckedMemory {
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
  protected Matrix allocate(DType type, long rows, long cols, long bytes) {
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
  protected void uploadElements(Matrix host, Matrix target) {
    copyElements(host, target);
  }

  @Override
  protected void downloadElements(Matrix source, Matrix host) {
    copyElements(source, host);
  }

  @Override
  protected void zeroElements(Matrix target) {
    long rows = target.isContiguous() ? 1 : target.rows();
    long elements = target.isContiguous() ? target.elements() : target.cols();
    long bytes = elements * target.type().bytes();
    for (long r = 0; r < rows; r++) {
      target.segment().asSlice(target.rowOffsetBytes(r), bytes).fill((byte) 0);
    }
  }

  @Override
  protected void copyElements(Matrix source, Matrix target) {
    if (source.isContiguous() && target.isContiguous()) {
      target.reshape(1, target.elements()).copyFrom(source.reshape(1, source.elements()));
    } else {
      target.copyFrom(source);
    }
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}

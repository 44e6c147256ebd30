// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

/**
 * Allocates tensors on one device, fills and copies them there, and copies them to and from the
 * host. Everything allocated from one memory is freed together by {@link #close}.
 */
public interface Memory extends AutoCloseable {
  /** Returns the device whose memory this is. */
  Device device();

  /**
   * Allocates a zeroed, contiguous, 64-byte aligned matrix.
   *
   * @param type the element type
   * @param rows the number of rows, at least 0
   * @param cols the number of columns, at least 0
   * @return the matrix, with a row stride of {@code cols}
   * @throws IllegalArgumentException if a size is negative or the byte count exceeds a {@code long}
   * @throws IllegalStateException if this memory is closed
   * @throws OutOfMemoryError if the device cannot provide the bytes
   */
  Matrix matrix(DType type, long rows, long cols);

  /**
   * Allocates a zeroed vector: a matrix of one row.
   *
   * @param type the element type
   * @param length the number of elements
   * @return a matrix of shape [1, length]
   */
  default Matrix vector(DType type, long length) {
    return matrix(type, 1, length);
  }

  /**
   * Copies a host matrix into one of this memory's device, and waits until it is there.
   *
   * @param host the source, on the host
   * @param target the destination on this device, of the same type and shape
   */
  void upload(Matrix host, Matrix target);

  /**
   * Copies a matrix of this memory's device to the host, and waits until it is there.
   *
   * @param source the source on this device
   * @param host the destination on the host, of the same type and shape
   */
  void download(Matrix source, Matrix host);

  /**
   * Sets all bytes of the rows of a matrix to 0: the number 0 in every element type. What lies
   * between strided rows is left alone. Operations of this device that begin afterwards see the
   * zeros.
   *
   * @param target the matrix on this device, of any type, shape and row stride; it may be empty
   * @throws IllegalArgumentException if the matrix is on another device
   * @throws IllegalStateException if the memory of the matrix is closed
   */
  void zero(Matrix target);

  /**
   * Copies a matrix into another one of this memory's device, bit for bit. Operations of this
   * device that begin afterwards see the copy. What lies between strided rows is left alone.
   *
   * @param source the elements to copy, on this device
   * @param target the destination on this device, of the same type and shape, any row stride; the
   *     same view as {@code source}, or separate memory
   * @throws IllegalArgumentException if one is on another device, types or shapes differ, or the
   *     two overlap in part
   * @throws IllegalStateException if the memory of a matrix is closed
   */
  void copy(Matrix source, Matrix target);

  /** Frees everything allocated from this memory. Using it afterwards is reported as an error. */
  @Override
  void close();
}

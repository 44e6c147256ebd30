// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

/**
 * Allocates tensors on one device and copies them to and from the host. Everything allocated from
 * one memory is freed together by {@link #close}.
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

  /** Frees everything allocated from this memory. Using it afterwards is reported as an error. */
  @Override
  void close();
}

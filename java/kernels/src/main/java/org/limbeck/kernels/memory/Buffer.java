// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

/**
 * A block of bytes on one device. Views of it are {@link Matrix} values.
 *
 * <p>Host and device buffers are different types, so that nobody passes host memory to a kernel
 * that runs elsewhere; copies between them are explicit calls of {@link Memory}.
 */
public sealed interface Buffer permits HostBuffer, DeviceBuffer {
  /** Returns the device that holds the bytes. */
  Device device();

  /** Returns the size in bytes. */
  long byteSize();

  /** Returns whether the bytes may still be used. */
  boolean isAlive();

  /** Returns the address of the first byte, in the device's own address space. */
  long address();
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

/** Where device memory comes from. Each call throws {@link CudaException} if it is refused. */
interface DeviceHeap {
  /**
   * Returns how many bytes an allocation takes, so that one can serve other sizes again; a driver
   * that wants the end of each buffer exactly where it is returns {@code bytes}.
   */
  long roundSize(long bytes);

  /**
   * Returns the address of new memory, aligned to at least 256 bytes; 0 where there is not enough.
   *
   * @param bytes at least 1
   */
  long allocate(long bytes);

  /** Frees memory, after everything that is queued. */
  void free(long address);
}

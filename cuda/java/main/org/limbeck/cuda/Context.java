// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.Device;

/**
 * A device with its memory and its one stream; one per process and device, never closed, since
 * memory may outlive the backend that it came from.
 *
 * @param device the device's name in Limbeck
 * @param driver its driver
 * @param allocator its memory
 */
record Context(Device device, Driver driver, CachingAllocator allocator) {
  /** Returns a kernel with memory for arguments of its own. */
  KernelFunction function(KernelSignature signature) {
    return new KernelFunction(driver, signature);
  }
}

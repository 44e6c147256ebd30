// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

/**
 * A block of bytes in the memory of an accelerator, opened for the backends that bring one. Its
 * content is reached through {@link Memory#upload} and {@link Memory#download} only.
 */
public abstract non-sealed class DeviceBuffer implements Buffer {
  /** For subclasses in the modules of device backends. */
  protected DeviceBuffer() {}
}

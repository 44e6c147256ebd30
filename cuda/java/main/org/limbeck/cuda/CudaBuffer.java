// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.DeviceBuffer;

/** A block of device memory. */
final class CudaBuffer extends DeviceBuffer {
  private final Device device;
  private final long address;
  private final long bytes;
  private volatile boolean alive = true;

  CudaBuffer(Device device, long address, long bytes) {
    this.device = device;
    this.address = address;
    this.bytes = bytes;
  }

  void kill() {
    alive = false;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public long byteSize() {
    return bytes;
  }

  @Override
  public boolean isAlive() {
    return alive;
  }

  @Override
  public long address() {
    return address;
  }

  @Override
  public String toString() {
    return "CudaBuffer[" + bytes + " bytes on " + device + (alive ? "]" : ", closed]");
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/** A vector on the device, and the place on the host where its values are written. */
final class StagedVector {
  private final Memory memory;
  private final Matrix device;
  private final Matrix host;

  StagedVector(Memory memory, HostMemory staging, DType type, long capacity) {
    this.memory = memory;
    device = memory.vector(type, capacity);
    host = staging.vector(type, capacity);
  }

  /** Returns where values are written. */
  Matrix host() {
    return host;
  }

  /**
   * Copies the first values to the device.
   *
   * @param count how many
   * @return them on the device, [1, count]
   */
  Matrix upload(long count) {
    Matrix view = device.columns(0, count);
    memory.upload(host.columns(0, count), view);
    return view;
  }
}

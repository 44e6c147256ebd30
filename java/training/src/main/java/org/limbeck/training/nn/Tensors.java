// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/** Moves tensors between a device and the host's arrays and files. */
public final class Tensors {
  private Tensors() {}

  /** A value for each element of a matrix, by its number in row-major order. */
  @FunctionalInterface
  public interface Filler {
    /** Returns the value of an element. */
    float at(long index);
  }

  /**
   * Sets every element of a contiguous matrix of a device.
   *
   * @param memory the memory of the device
   * @param target F32 [rows, cols], contiguous
   * @param filler the values
   */
  public static void upload(Memory memory, Matrix target, Filler filler) {
    try (HostMemory staging = new HostMemory()) {
      Matrix host = staging.matrix(DType.F32, target.rows(), target.cols());
      MemorySegment segment = host.segment();
      for (long i = 0; i < host.elements(); i++) {
        segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, filler.at(i));
      }
      memory.upload(host, target);
    }
  }

  /**
   * Returns the elements of a matrix of a device, row after row.
   *
   * @param memory the memory of the device
   * @param source F32 [rows, cols]
   */
  public static float[] download(Memory memory, Matrix source) {
    try (HostMemory staging = new HostMemory()) {
      Matrix host = staging.matrix(DType.F32, source.rows(), source.cols());
      memory.download(source, host);
      return host.toFloatArray();
    }
  }
}

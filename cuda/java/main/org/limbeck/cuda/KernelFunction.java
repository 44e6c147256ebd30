// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.Matrix;

/**
 * A kernel that can be launched, with the memory for its arguments: give them in their order, then
 * launch. Belongs to one operation object; a launch allocates nothing.
 */
final class KernelFunction {
  private static final int MAX_GRID_YZ = 65_535;

  private final Driver driver;
  private final KernelSignature signature;
  private final long function;
  private final int[] offsets;
  private final MemorySegment packed;
  private final long bytes;
  private int next;

  KernelFunction(Driver driver, KernelSignature signature) {
    this.driver = driver;
    this.signature = signature;
    this.function = driver.function(signature);
    this.offsets = new int[signature.count()];
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = signature.offset(i);
    }
    this.bytes = signature.offset(signature.count());
    this.packed = Arena.ofAuto().allocate(bytes, TensorMap.ALIGNMENT);
  }

  /** Lets launches take so many bytes of dynamic shared memory; more than 48 KiB need this. */
  KernelFunction allowShared(int sharedBytes) {
    driver.allowShared(function, sharedBytes);
    return this;
  }

  /** Gives an address on the device, 0 for none. */
  KernelFunction address(long address) {
    packed.set(ValueLayout.JAVA_LONG, take('p'), address);
    return this;
  }

  /** Gives the address of element (0, 0) of a matrix, 0 for null. */
  KernelFunction pointer(Matrix m) {
    return address(m == null ? 0 : m.buffer().address() + m.offsetBytes());
  }

  /**
   * Gives the address of element (0, 0) of a matrix and its row stride in elements; zeros for null.
   */
  KernelFunction matrix(Matrix m) {
    return pointer(m).int64(m == null ? 0 : m.rowStride());
  }

  KernelFunction int64(long value) {
    packed.set(ValueLayout.JAVA_LONG, take('l'), value);
    return this;
  }

  KernelFunction int32(int value) {
    packed.set(ValueLayout.JAVA_INT, take('i'), value);
    return this;
  }

  KernelFunction float32(float value) {
    packed.set(ValueLayout.JAVA_FLOAT, take('f'), value);
    return this;
  }

  KernelFunction float64(double value) {
    packed.set(ValueLayout.JAVA_DOUBLE, take('d'), value);
    return this;
  }

  /** Gives a tensor map, as it is now. */
  KernelFunction tensorMap(TensorMap map) {
    MemorySegment.copy(map.segment(), 0, packed, take('t'), TensorMap.BYTES);
    return this;
  }

  private long take(char type) {
    if (next >= offsets.length || signature.parameters().charAt(next) != type) {
      int index = next;
      next = 0;
      throw new IllegalStateException(
          signature.name() + ": argument " + index + " of type " + type + ", expected another");
    }
    return offsets[next++];
  }

  /** Queues the kernel over a grid of one dimension, without dynamic shared memory. */
  void launch(long gridX, int block) {
    launch(gridX, 1, block, 0);
  }

  /**
   * Queues the kernel.
   *
   * @param gridX blocks in x, 1 to 2^31 - 1
   * @param gridY blocks in y, 1 to 65535
   * @param block threads of a block, whole warps
   * @param sharedBytes dynamic shared memory
   */
  void launch(long gridX, long gridY, int block, int sharedBytes) {
    launch(gridX, gridY, 1, block, sharedBytes);
  }

  /** Queues the kernel as the other does, over a grid with so many blocks in z, 1 to 65535. */
  void launch(long gridX, long gridY, long gridZ, int block, int sharedBytes) {
    int given = next;
    next = 0;
    if (given != offsets.length) {
      throw new IllegalStateException(
          signature.name() + ": " + given + " arguments, expected " + offsets.length);
    }
    if (gridX < 1 || gridX > Integer.MAX_VALUE || !fitsYz(gridY) || !fitsYz(gridZ)) {
      String grid = gridX + " x " + gridY + " x " + gridZ;
      throw new CudaException(signature.name() + ": a grid of " + grid + " blocks is too large");
    }
    driver.launch(
        function, (int) gridX, (int) gridY, (int) gridZ, block, sharedBytes, packed, bytes);
  }

  private static boolean fitsYz(long count) {
    return count >= 1 && count <= MAX_GRID_YZ;
  }
}

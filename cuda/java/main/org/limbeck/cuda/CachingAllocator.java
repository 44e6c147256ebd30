// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.Arrays;

/**
 * Keeps freed device memory for the next request of the same rounded size, since the driver's own
 * calls wait for the device. Memory may be freed while kernels that use it are queued: whoever gets
 * it next queues behind them, in the one stream. Allocates nothing on the heap once it is warm.
 */
final class CachingAllocator {
  private final DeviceHeap heap;
  private final boolean keeps;
  private long[] sizes = new long[16];
  private long[][] free = new long[16][];
  private int[] counts = new int[16];
  private int used;
  private long keptBytes;
  private long allocatedBytes;

  /**
   * Creates an allocator.
   *
   * @param heap where the memory comes from
   * @param keeps whether freed memory is kept; where it is not, every buffer is the heap's own
   */
  CachingAllocator(DeviceHeap heap, boolean keeps) {
    this.heap = heap;
    this.keeps = keeps;
  }

  /**
   * Returns memory, its content undefined; 0 where there is not enough even after what is kept was
   * given back.
   *
   * @param bytes at least 0
   */
  synchronized long allocate(long bytes) {
    long size = heap.roundSize(Math.max(1, bytes));
    int list = find(size);
    if (list >= 0 && counts[list] > 0) {
      keptBytes -= size;
      allocatedBytes += size;
      return free[list][--counts[list]];
    }
    long address = heap.allocate(size);
    if (address == 0) {
      release();
      address = heap.allocate(size);
    }
    if (address != 0) {
      allocatedBytes += size;
    }
    return address;
  }

  /**
   * Returns memory as {@link #allocate} does.
   *
   * @param bytes at least 0
   * @param what whose memory it is, for the message
   * @throws OutOfMemoryError if the device cannot provide it
   */
  long require(long bytes, Object what) {
    long address = allocate(bytes);
    if (address == 0) {
      throw new OutOfMemoryError(
          "the device has no "
              + bytes
              + " bytes for "
              + what
              + " beside the "
              + allocatedBytes()
              + " in use");
    }
    return address;
  }

  /**
   * Takes memory back.
   *
   * @param address what {@link #allocate} returned
   * @param bytes what it was asked for
   */
  synchronized void free(long address, long bytes) {
    long size = heap.roundSize(Math.max(1, bytes));
    allocatedBytes -= size;
    if (!keeps) {
      heap.free(address);
      return;
    }
    int list = find(size);
    if (list < 0) {
      list = add(size);
    }
    if (counts[list] == free[list].length) {
      free[list] = Arrays.copyOf(free[list], 2 * counts[list]);
    }
    free[list][counts[list]++] = address;
    keptBytes += size;
  }

  /** Gives everything that is kept back to the heap. */
  synchronized void release() {
    for (int i = 0; i < used; i++) {
      while (counts[i] > 0) {
        heap.free(free[i][--counts[i]]);
      }
    }
    keptBytes = 0;
  }

  /** Returns the bytes that are in use. */
  synchronized long allocatedBytes() {
    return allocatedBytes;
  }

  /** Returns the bytes that are kept for later. */
  synchronized long keptBytes() {
    return keptBytes;
  }

  private int find(long size) {
    for (int i = 0; i < used; i++) {
      if (sizes[i] == size) {
        return i;
      }
    }
    return -1;
  }

  private int add(long size) {
    if (used == sizes.length) {
      sizes = Arrays.copyOf(sizes, 2 * used);
      free = Arrays.copyOf(free, 2 * used);
      counts = Arrays.copyOf(counts, 2 * used);
    }
    sizes[used] = size;
    free[used] = new long[4];
    return used++;
  }
}

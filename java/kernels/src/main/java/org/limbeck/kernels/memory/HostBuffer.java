// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

import java.lang.foreign.MemorySegment;

/**
 * A block of off-heap bytes that every thread of this process can reach.
 *
 * <p>Heap segments are refused: a Vector API method that has once seen one is many times slower for
 * off-heap segments ever after. Confined segments are refused because worker threads would fail on
 * them in the middle of a kernel.
 */
public final class HostBuffer implements Buffer {
  private static final Thread ANY_OTHER_THREAD = Thread.ofPlatform().unstarted(() -> {});

  private final MemorySegment segment;

  private HostBuffer(MemorySegment segment) {
    this.segment = segment;
  }

  /**
   * Wraps an off-heap segment, for example a memory-mapped file, without a copy.
   *
   * @param segment an off-heap segment of a shared, automatic or global arena
   * @return a buffer over the segment's bytes, alive as long as the segment's arena
   * @throws IllegalArgumentException if the segment is on the heap or confined to one thread
   */
  public static HostBuffer of(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException(
          "HostBuffer.of: segment: given a heap segment, expected an off-heap one; "
              + "HostMemory.copyOf copies arrays");
    }
    if (!segment.isAccessibleBy(ANY_OTHER_THREAD)) {
      throw new IllegalArgumentException(
          "HostBuffer.of: segment: given a segment of a confined arena, expected one of a shared, "
              + "automatic or global arena, since worker threads read it");
    }
    return new HostBuffer(segment);
  }

  /** Returns the bytes. */
  public MemorySegment segment() {
    return segment;
  }

  @Override
  public Device device() {
    return Device.HOST;
  }

  @Override
  public long byteSize() {
    return segment.byteSize();
  }

  @Override
  public boolean isAlive() {
    return segment.scope().isAlive();
  }

  @Override
  public long address() {
    return segment.address();
  }

  @Override
  public String toString() {
    return "HostBuffer[" + byteSize() + " bytes" + (isAlive() ? "]" : ", closed]");
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The scratch memory of one worker: one slab that grows to the largest request and is then reused,
 * so that kernels allocate nothing after their first call. Not thread-safe by design.
 */
public final class Workspace implements AutoCloseable {
  private Arena arena = Arena.ofShared();
  private MemorySegment slab = MemorySegment.NULL;
  private float[] floats = new float[0];

  /** Creates scratch memory that is empty until the first request. */
  public Workspace() {}

  /**
   * Returns scratch of at least a number of bytes, 64-byte aligned, content undefined, valid until
   * the next call of this method.
   *
   * @param bytes the number of bytes, 0 or more
   * @return an off-heap segment; the same one as before when that was large enough
   */
  public MemorySegment reserve(long bytes) {
    if (slab.byteSize() < bytes) {
      arena.close();
      arena = Arena.ofShared();
      slab = arena.allocate(Math.max(bytes, 2 * slab.byteSize()), HostMemory.ALIGNMENT);
    }
    return slab;
  }

  /**
   * Returns scratch on the heap, for values that a vector loop reads one at a time: an element of
   * an array costs the compilers a fraction of what an element of a segment does. Content
   * undefined, valid until the next call of this method.
   *
   * @param count the number of floats, 0 or more
   * @return an array of at least that length; the same one as before when that was long enough
   */
  public float[] reserveFloats(int count) {
    if (floats.length < count) {
      floats = new float[count];
    }
    return floats;
  }

  /** Returns the size of the slab in bytes, the largest request so far rounded up. */
  public long capacityBytes() {
    return slab.byteSize();
  }

  /** Frees the slab. */
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}

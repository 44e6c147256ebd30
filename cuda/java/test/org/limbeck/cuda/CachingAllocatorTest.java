// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The caching allocator over a heap that counts. */
class CachingAllocatorTest {
  private static final long CAPACITY = 100_000;

  /** Hands out numbers for addresses, in steps of 100 bytes, as long as its capacity lasts. */
  private static final class CountingHeap implements DeviceHeap {
    private final Map<Long, Long> allocated = new HashMap<>();
    private long next = 1;
    private int calls;

    private long inUse() {
      return allocated.values().stream().mapToLong(Long::longValue).sum();
    }

    @Override
    public long roundSize(long bytes) {
      return (bytes + 99) / 100 * 100;
    }

    @Override
    public long allocate(long bytes) {
      calls++;
      if (inUse() + bytes > CAPACITY) {
        return 0;
      }
      allocated.put(next, bytes);
      return next++;
    }

    @Override
    public void free(long address) {
      assertTrue(allocated.remove(address) != null, "freed twice");
    }
  }

  private final CountingHeap heap = new CountingHeap();
  private final CachingAllocator allocator = new CachingAllocator(heap, true);

  @Test
  void freedMemoryServesTheNextOfItsSize() {
    long first = allocator.allocate(150);
    assertNotEquals(first, allocator.allocate(150));
    allocator.free(first, 150);
    assertEquals(200, allocator.keptBytes());
    assertEquals(200, allocator.allocatedBytes());
    assertEquals(first, allocator.allocate(200));
    assertEquals(2, heap.calls);
    allocator.free(first, 200);
    assertNotEquals(first, allocator.allocate(300));
  }

  @Test
  void whatIsKeptIsGivenBackBeforeThereIsNotEnough() {
    long[] blocks = new long[40];
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = allocator.allocate(100 + 100 * (i % 3));
    }
    for (int i = 0; i < blocks.length; i++) {
      allocator.free(blocks[i], 100 + 100 * (i % 3));
    }
    assertEquals(heap.inUse(), allocator.keptBytes());
    long all = allocator.require(CAPACITY, "all");
    assertEquals(0, allocator.keptBytes());
    var e = assertThrows(OutOfMemoryError.class, () -> allocator.require(1, "one more"));
    assertEquals("the device has no 1 bytes for one more beside the 100000 in use", e.getMessage());
    allocator.free(all, CAPACITY);
    allocator.release();
    assertEquals(0, heap.inUse());
  }

  @Test
  void manySizesAreKept() {
    for (int i = 1; i <= 30; i++) {
      long block = allocator.allocate(100L * i);
      allocator.free(block, 100L * i);
      assertEquals(block, allocator.allocate(100L * i));
      allocator.free(block, 100L * i);
    }
    assertEquals(30, heap.calls);
  }
}

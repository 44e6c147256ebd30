// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.parallel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

/** On Linux threads are moved; elsewhere nothing is known and nothing done. */
class ProcessorsTest {
  private static final boolean LINUX = System.getProperty("os.name").startsWith("Linux");

  /** Nothing runs there, so that keeping a thread off it only reads the thread's set. */
  private static final int LAST = Byte.SIZE * Processors.SET_BYTES - 1;

  @Test
  void onLinuxProcessorsAreKnown() {
    assertEquals(LINUX, Processors.current() != Processors.UNKNOWN);
    assertEquals(LINUX, Processors.thread() != 0);
  }

  @Test
  void aThreadIsMovedAwayWhereThereIsAnotherProcessorAndMayReturn() throws InterruptedException {
    if (LINUX) {
      Moved moved = new Moved();
      moved.start();
      moved.join();
      boolean another = moved.before.cardinality() > 1;
      assertEquals(another, moved.forbidden);
      assertEquals(another, moved.left != moved.arrived);
      assertEquals(moved.before, moved.after);
    }
  }

  /** Leaves the processor that it runs on, and takes it back. */
  private static final class Moved extends Thread {
    private boolean forbidden;
    private int left;
    private int arrived;
    private BitSet before;
    private BitSet after;

    @Override
    public void run() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment set = arena.allocate(Processors.SET_BYTES, Long.BYTES);
        before = allowed();
        left = Processors.current();
        forbidden = Processors.forbid(Processors.thread(), left, set);
        arrived = forbidden ? Processors.current() : left;
        Processors.allow(set);
        after = allowed();
      }
    }
  }

  @Test
  void aThreadThatDoesNotExistIsRefused() {
    if (LINUX) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment set = arena.allocate(Processors.SET_BYTES, Long.BYTES);
        assertFalse(Processors.forbid(Integer.MAX_VALUE, 0, set));
      }
    }
  }

  @Test
  void threadsHaveDifferentNumbers() throws InterruptedException {
    int[] other = new int[1];
    Thread thread = new Thread(() -> other[0] = Processors.thread());
    thread.start();
    thread.join();
    if (LINUX) {
      assertNotEquals(0, other[0]);
      assertNotEquals(Processors.thread(), other[0]);
    } else {
      assertArrayEquals(new int[1], other);
    }
  }

  @Test
  void workersThatWereWokenMayRunWhereTheyCouldBefore() throws InterruptedException {
    if (LINUX) {
      try (WorkerPool pool = new WorkerPool(3)) {
        ConcurrentHashMap<BitSet, String> seen = new ConcurrentHashMap<>();
        for (int i = 0; i < 100; i++) {
          // Longer than workers look out for work.
          Thread.sleep(2);
          pool.forRange(
              30,
              1,
              seen,
              null,
              (s, none, scratch, from, to) -> s.put(allowed(), Thread.currentThread().getName()));
        }
        assertEquals(1, seen.size(), seen::toString);
        assertTrue(seen.containsKey(allowed()), seen::toString);
      }
    }
  }

  /** Returns the processors that may run this thread. */
  private static BitSet allowed() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment set = arena.allocate(Processors.SET_BYTES, Long.BYTES);
      assertTrue(Processors.forbid(Processors.thread(), LAST, set));
      return BitSet.valueOf(set.toArray(ValueLayout.JAVA_BYTE));
    }
  }
}

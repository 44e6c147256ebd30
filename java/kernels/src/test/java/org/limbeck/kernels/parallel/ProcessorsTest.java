// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.parallel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ProcessorsTest {
  private static final int AFTER_ANY = 8 * Processors.SET_BYTES - 1;

  @BeforeEach
  void onLinux() {
    assumeTrue(
        System.getProperty("os.name").startsWith("Linux"), "only Linux tells a thread's processor");
  }

  @Test
  void anotherThreadIsMovedAwayAndMayReturn() throws InterruptedException {
    assumeTrue(Runtime.getRuntime().availableProcessors() > 1, "there is one processor only");
    var moved = new Moved();
    moved.start();
    moved.join();
    assertTrue(moved.forbidden);
    assertNotEquals(moved.before, moved.after);
    assertTrue(moved.allowedAgain);
  }

  /** Leaves the processor that it runs on. */
  private static final class Moved extends Thread {
    private boolean forbidden;
    private boolean allowedAgain;
    private int before;
    private int after;

    @Override
    public void run() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment set = arena.allocate(Processors.SET_BYTES, Long.BYTES);
        MemorySegment again = arena.allocate(Processors.SET_BYTES, Long.BYTES);
        before = Processors.current();
        forbidden = Processors.forbid(Processors.thread(), before, set);
        after = Processors.current();
        Processors.allow(set);
        // Nobody runs on the processor after the last, so that this only reads the set.
        Processors.forbid(Processors.thread(), AFTER_ANY, again);
        allowedAgain = set.mismatch(again) == -1;
      }
    }
  }

  @Test
  void aThreadThatDoesNotExistIsRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment set = arena.allocate(Processors.SET_BYTES, Long.BYTES);
      assertFalse(Processors.forbid(Integer.MAX_VALUE, 0, set));
    }
  }

  @Test
  void threadsHaveDifferentNumbers() throws InterruptedException {
    int[] other = new int[1];
    Thread thread = new Thread(() -> other[0] = Processors.thread());
    thread.start();
    thread.join();
    assertNotEquals(0, other[0]);
    assertNotEquals(Processors.thread(), other[0]);
    assertEquals(Processors.thread(), Processors.thread());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Waits until the threads of this process rest. Threads of a library that has just been called keep
 * a processor busy while they wait for the next call, some for 100 ms; whoever is timed meanwhile
 * would share that processor with them.
 */
final class Rest {
  private static final OperatingSystemMXBean SYSTEM =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  /** The system counts the time of running threads in steps of up to 10 ms. */
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(12);

  private static final long LONGEST_NANOS = TimeUnit.MILLISECONDS.toNanos(150);

  /** A thread that waits in a loop uses all of the time; the JVM's own ones use little. */
  private static final double BUSY_SHARE = 0.3;

  private Rest() {}

  /** Waits until the process uses less than 30 % of a processor, or 150 ms. */
  static void await() {
    long begin = System.nanoTime();
    long now = begin;
    long used;
    long passed;
    do {
      long before = now;
      long usedBefore = SYSTEM.getProcessCpuTime();
      LockSupport.parkNanos(LOOK_NANOS);
      now = System.nanoTime();
      passed = now - before;
      used = SYSTEM.getProcessCpuTime() - usedBefore;
    } while (used > BUSY_SHARE * passed && now - begin < LONGEST_NANOS);
  }
}

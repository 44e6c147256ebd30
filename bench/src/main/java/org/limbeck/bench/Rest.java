// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Waits until the threads of this process rest. Threads of a library that has just been called keep
 * a processor busy while they wait for the next call; whoever is timed meanwhile would share that
 * processor with them.
 */
final class Rest {
  private static final Path TASKS = Path.of("/proc/self/task");
  private static final Path SELF = Path.of("/proc/thread-self");
  private static final boolean LISTED = Files.isDirectory(TASKS) && Files.exists(SELF);

  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final long LONGEST_NANOS = TimeUnit.MILLISECONDS.toNanos(150);

  private Rest() {}

  /** Waits until no other thread of the process runs, or 150 ms. */
  static void await() {
    long begin = System.nanoTime();
    while ((LISTED ? othersRun() : ProcessorTime.othersRun())
        && System.nanoTime() - begin < LONGEST_NANOS) {
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  /** Returns whether Linux lists another thread of the process as running. */
  private static boolean othersRun() {
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(TASKS)) {
      String self = Files.readSymbolicLink(SELF).getFileName().toString();
      for (Path task : tasks) {
        if (!task.getFileName().toString().equals(self) && runs(task)) {
          return true;
        }
      }
      return false;
    } catch (IOException e) {
      return false; // a wait that cannot be ended by a look would be one of the longest
    }
  }

  private static boolean runs(Path task) {
    try {
      String stat = Files.readString(task.resolve("stat"));
      // The name before it may hold anything, parentheses too.
      return stat.startsWith(") R", stat.lastIndexOf(')'));
    } catch (IOException e) {
      return false; // it has ended
    }
  }

  /** Where the system lists no threads, the time that the process uses tells. */
  private static final class ProcessorTime {
    private static final OperatingSystemMXBean SYSTEM =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** Systems count the time of running threads in steps of up to 10 ms. */
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(12);

    /** A thread that waits in a loop uses all of the time; the JVM's own ones use little. */
    private static final double BUSY_SHARE = 0.3;

    static boolean othersRun() {
      long begin = System.nanoTime();
      long usedBefore = SYSTEM.getProcessCpuTime();
      LockSupport.parkNanos(LOOK_NANOS);
      long passed = System.nanoTime() - begin;
      return SYSTEM.getProcessCpuTime() - usedBefore > BUSY_SHARE * passed;
    }
  }
}

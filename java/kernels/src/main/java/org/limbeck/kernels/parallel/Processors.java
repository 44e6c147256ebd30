// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.parallel;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/**
 * Which processors run a thread, told and changed by Linux.
 *
 * <p>Why a pool needs it: a thread that waits for long gives its processor back. On a virtual
 * machine Linux takes a processor that has gone to sleep for one that the host withholds, and wakes
 * the thread where it ran last, even if the caller runs there by now. The two then share one
 * processor, call after call, while another has nothing to do.
 *
 * <p>Without access to native functions, or on another system, nothing is known and nothing done.
 */
final class Processors {
  /** What {@link #current} returns where it is not known. */
  static final int UNKNOWN = -1;

  /** Bytes of a set of 8,192 processors, the most that Linux is built for. */
  static final int SET_BYTES = 1024;

  private static final int THIS_THREAD = 0;

  private static final MethodHandle CURRENT;
  private static final MethodHandle THREAD;
  private static final MethodHandle GET;
  private static final MethodHandle SET;

  static {
    FunctionDescriptor number = FunctionDescriptor.of(ValueLayout.JAVA_INT);
    FunctionDescriptor affinity =
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS);
    MethodHandle current = function("sched_getcpu", number, Linker.Option.critical(false));
    THREAD = function("gettid", number);
    GET = function("sched_getaffinity", affinity);
    SET = function("sched_setaffinity", affinity);
    // All of them or none: one question tells whether the others can be asked.
    CURRENT = THREAD == null || GET == null || SET == null ? null : current;
  }

  private Processors() {}

  private static MethodHandle function(
      String name, FunctionDescriptor type, Linker.Option... options) {
    boolean linux = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("linux");
    if (!linux || !Processors.class.getModule().isNativeAccessEnabled()) {
      return null;
    }
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find(name)
        .map(address -> linker.downcallHandle(address, type, options))
        .orElse(null);
  }

  /** Returns the number of the processor that runs this thread, or {@link #UNKNOWN}. */
  static int current() {
    if (CURRENT == null) {
      return UNKNOWN;
    }
    try {
      return (int) CURRENT.invokeExact();
    } catch (Throwable e) {
      throw failed("sched_getcpu", e);
    }
  }

  /** Returns the number of this thread in the system; 0 where {@link #current} is unknown. */
  static int thread() {
    if (CURRENT == null) {
      return 0;
    }
    try {
      return (int) THREAD.invokeExact();
    } catch (Throwable e) {
      throw failed("gettid", e);
    }
  }

  /**
   * Keeps a thread off a processor, if it may run on another.
   *
   * @param thread its number, as {@link #thread} told it
   * @param processor the processor, as {@link #current} told it
   * @param before {@link #SET_BYTES} bytes, written with the set that it may run on now, for {@link
   *     #allow}
   * @return whether that was done; if not, nothing has changed
   */
  static boolean forbid(int thread, int processor, MemorySegment before) {
    if (affinity(GET, thread, before) != 0) {
      return false;
    }
    int at = processor / Long.SIZE;
    long bits = before.getAtIndex(ValueLayout.JAVA_LONG, at);
    before.setAtIndex(ValueLayout.JAVA_LONG, at, bits & ~(1L << processor % Long.SIZE));
    // Refused where no other is left.
    int status = affinity(SET, thread, before);
    before.setAtIndex(ValueLayout.JAVA_LONG, at, bits);
    return status == 0;
  }

  /**
   * Lets this thread run on a set of processors again; it stays where it is.
   *
   * @param processors what {@link #forbid} has written
   */
  static void allow(MemorySegment processors) {
    // Refused if the system has taken those processors away since; then what it has set holds.
    affinity(SET, THIS_THREAD, processors);
  }

  private static int affinity(MethodHandle function, int thread, MemorySegment processors) {
    try {
      return (int) function.invokeExact(thread, (long) SET_BYTES, processors);
    } catch (Throwable e) {
      throw failed("sched_getaffinity or sched_setaffinity", e);
    }
  }

  private static IllegalStateException failed(String function, Throwable cause) {
    return new IllegalStateException(function + " failed: " + cause, cause);
  }
}

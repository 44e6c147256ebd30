// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Memory between two pages that may not be touched: a kernel that reads or writes one element too
 * far ends the JVM at once. Linux and macOS; elsewhere plain memory.
 */
final class GuardPages {
  private static final long PAGE = 65_536;
  private static final int PROT_NONE = 0;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE = 2;
  private static final boolean MAC = System.getProperty("os.name").startsWith("Mac");
  private static final int MAP_ANONYMOUS = MAC ? 0x1000 : 0x20;
  private static final boolean AVAILABLE = !System.getProperty("os.name").startsWith("Windows");

  private static final MethodHandle MMAP =
      AVAILABLE
          ? handle(
              "mmap",
              FunctionDescriptor.of(
                  ValueLayout.ADDRESS,
                  ValueLayout.ADDRESS,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_LONG))
          : null;
  private static final MethodHandle MPROTECT =
      AVAILABLE
          ? handle(
              "mprotect",
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT,
                  ValueLayout.ADDRESS,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_INT))
          : null;
  private static final MethodHandle MUNMAP =
      AVAILABLE
          ? handle(
              "munmap",
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG))
          : null;

  private GuardPages() {}

  @SuppressWarnings("restricted") // Memory protection is a matter of the system alone.
  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().find(name).orElseThrow(), descriptor);
  }

  /**
   * Allocates memory that ends (or begins) at a guard page.
   *
   * @param arena when it is closed, the memory is given back
   * @param bytes the number of bytes
   * @param atEnd whether the last byte, else the first, touches a guard page
   */
  @SuppressWarnings("restricted") // Memory that no arena of Java can give.
  static MemorySegment allocate(Arena arena, long bytes, boolean atEnd) {
    if (!AVAILABLE) {
      return arena.allocate(bytes, 64);
    }
    long data = Math.max(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
    long total = data + 2 * PAGE;
    try {
      MemorySegment base =
          (MemorySegment)
              MMAP.invokeExact(
                  MemorySegment.NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
      if (base.address() == -1L) {
        throw new OutOfMemoryError("mmap of " + total + " bytes failed");
      }
      MemorySegment middle = MemorySegment.ofAddress(base.address() + PAGE);
      if ((int) MPROTECT.invokeExact(middle, data, PROT_READ_WRITE) != 0) {
        throw new IllegalStateException("mprotect failed");
      }
      long start = atEnd ? middle.address() + data - bytes : middle.address();
      return MemorySegment.ofAddress(start)
          .reinterpret(bytes, arena, ignored -> unmap(base, total));
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static void unmap(MemorySegment base, long total) {
    try {
      int status = (int) MUNMAP.invokeExact(base, total);
      if (status != 0) {
        throw new IllegalStateException("munmap failed");
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}

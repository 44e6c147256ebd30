// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The kernels on this processor: {@code cuda/emulator}. Everything is done when a call returns, one
 * call at a time.
 */
final class EmulatedDriver implements Driver {
  /** The system property that makes blocks and threads run from the last to the first. */
  static final String DESCENDING_PROPERTY = "limbeck.cuda.emulator.descending";

  private static final Linker LINKER = Linker.nativeLinker();
  // Of the class and not of the object, so that the compiler sees through them: a launch then
  // allocates nothing. The function is the first argument.
  private static final MethodHandle TAKES_LONG =
      LINKER.downcallHandle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
  private static final MethodHandle FREE =
      LINKER.downcallHandle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
  private static final MethodHandle FIND =
      LINKER.downcallHandle(FunctionDescriptor.of(JAVA_LONG, ADDRESS));
  private static final MethodHandle PARAMETER_SIZE =
      LINKER.downcallHandle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle DESCENDING =
      LINKER.downcallHandle(FunctionDescriptor.ofVoid(JAVA_INT));
  private static final MethodHandle MESSAGE = LINKER.downcallHandle(FunctionDescriptor.of(ADDRESS));
  private static final MethodHandle LAUNCH =
      LINKER.downcallHandle(
          FunctionDescriptor.of(
              JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS,
              JAVA_LONG));

  private final MemorySegment allocate;
  private final MemorySegment free;
  private final MemorySegment find;
  private final MemorySegment parameterSize;
  private final MemorySegment launch;
  private final MemorySegment message;
  private final List<Long> marks = new ArrayList<>();

  private EmulatedDriver(SymbolLookup library) {
    allocate = symbol(library, "lbe_allocate");
    free = symbol(library, "lbe_free");
    find = symbol(library, "lbe_find");
    parameterSize = symbol(library, "lbe_parameter_size");
    launch = symbol(library, "lbe_launch");
    message = symbol(library, "lbe_message");
    try {
      DESCENDING.invokeExact(
          symbol(library, "lbe_descending"), Boolean.getBoolean(DESCENDING_PROPERTY) ? 1 : 0);
    } catch (Throwable e) {
      throw failed("lbe_descending", e);
    }
  }

  private static MemorySegment symbol(SymbolLookup library, String name) {
    return library
        .find(name)
        .orElseThrow(() -> new CudaException("the library of the emulator has no " + name));
  }

  /**
   * Loads a library of emulated kernels.
   *
   * @param library its bytes
   * @throws UnavailableException if it cannot be loaded
   */
  static EmulatedDriver open(byte[] library) throws UnavailableException {
    Path file = null;
    try {
      // A file of this process alone, and none once it is loaded.
      file = Files.createTempFile("limbeck-cuda", ".so");
      Files.write(file, library);
      return new EmulatedDriver(SymbolLookup.libraryLookup(file, Arena.global()));
    } catch (IOException e) {
      throw new UnavailableException(
          "the emulator cannot be extracted: " + e, "set java.io.tmpdir to a directory of yours");
    } catch (IllegalCallerException e) {
      throw new UnavailableException(
          "this JVM does not let the module call native code",
          "start it with --enable-native-access=ALL-UNNAMED,org.limbeck.cuda");
    } catch (IllegalArgumentException e) {
      throw new UnavailableException(
          "the emulator cannot be loaded: " + e.getMessage(), "build limbeck-cuda on this machine");
    } finally {
      if (file != null) {
        file.toFile().delete();
      }
    }
  }

  @Override
  public String description() {
    return "emulated";
  }

  @Override
  public int multiprocessors() {
    // Few, so that tests of moderate sizes reach the tiles of large ones; more than the slices of
    // the shortest sums that are cut, so that these reach small tiles.
    return 5;
  }

  @Override
  public int sharedBytes() {
    return 227 << 10;
  }

  @Override
  public boolean clusters() {
    return true;
  }

  @Override
  public boolean warpGroups() {
    return true;
  }

  /** As the struct that tma.h has for the emulator: the address, then the layout. */
  @Override
  public void encode(MemorySegment map, long address, MemorySegment layout) {
    map.set(JAVA_LONG, 0, address);
    MemorySegment.copy(layout, 0, map, Long.BYTES, TensorMap.LAYOUT_BYTES);
  }

  @Override
  public long roundSize(long bytes) {
    return bytes;
  }

  @Override
  public synchronized long allocate(long bytes) {
    try {
      return (long) TAKES_LONG.invokeExact(allocate, bytes);
    } catch (Throwable e) {
      throw failed("lbe_allocate", e);
    }
  }

  @Override
  public synchronized void free(long address) {
    try {
      check((int) FREE.invokeExact(free, address));
    } catch (Throwable e) {
      throw failed("lbe_free", e);
    }
  }

  private static MemorySegment area(long address, long pitch, long width, long height) {
    return MemorySegment.ofAddress(address).reinterpret((height - 1) * pitch + width);
  }

  private static void copy(
      MemorySegment source,
      long sourcePitch,
      MemorySegment target,
      long targetPitch,
      long width,
      long height) {
    for (long r = 0; r < height; r++) {
      MemorySegment.copy(source, r * sourcePitch, target, r * targetPitch, width);
    }
  }

  @Override
  public synchronized void zero(long target, long pitch, long width, long height) {
    MemorySegment area = area(target, pitch, width, height);
    for (long r = 0; r < height; r++) {
      area.asSlice(r * pitch, width).fill((byte) 0);
    }
  }

  @Override
  public synchronized void copy(
      long source, long sourcePitch, long target, long targetPitch, long width, long height) {
    copy(
        area(source, sourcePitch, width, height),
        sourcePitch,
        area(target, targetPitch, width, height),
        targetPitch,
        width,
        height);
  }

  @Override
  public synchronized void upload(
      MemorySegment source,
      long sourcePitch,
      long target,
      long targetPitch,
      long width,
      long height) {
    copy(source, sourcePitch, area(target, targetPitch, width, height), targetPitch, width, height);
  }

  @Override
  public synchronized void download(
      long source,
      long sourcePitch,
      MemorySegment target,
      long targetPitch,
      long width,
      long height) {
    copy(area(source, sourcePitch, width, height), sourcePitch, target, targetPitch, width, height);
  }

  @Override
  public synchronized long function(KernelSignature signature) {
    try (Arena arena = Arena.ofConfined()) {
      long kernel = (long) FIND.invokeExact(find, arena.allocateFrom(signature.name()));
      if (kernel == 0) {
        throw new CudaException("the emulator has no kernel " + signature.name());
      }
      for (int i = 0; i <= signature.count(); i++) {
        int size = (int) PARAMETER_SIZE.invokeExact(parameterSize, kernel, i);
        int expected = i < signature.count() ? signature.size(i) : -1;
        if (size != expected) {
          throw new CudaException(
              signature.name()
                  + ": parameter "
                  + i
                  + " has "
                  + size
                  + " bytes in the kernel and "
                  + expected
                  + " in Java (-1: none)");
        }
      }
      return kernel;
    } catch (Throwable e) {
      throw failed("lbe_find", e);
    }
  }

  @Override
  public void allowShared(long function, int bytes) {
    // Each launch is checked.
  }

  @Override
  public synchronized void launch(
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int block,
      int sharedBytes,
      MemorySegment packed,
      long packedBytes) {
    try {
      check(
          (int)
              LAUNCH.invokeExact(
                  launch,
                  function,
                  gridX,
                  gridY,
                  gridZ,
                  block,
                  (long) sharedBytes,
                  packed,
                  packedBytes));
    } catch (Throwable e) {
      throw failed("lbe_launch", e);
    }
  }

  @Override
  public synchronized long newMark() {
    marks.add(0L);
    return marks.size() - 1;
  }

  @Override
  public synchronized void mark(long mark) {
    // What was queued is done already.
    marks.set((int) mark, System.nanoTime());
  }

  @Override
  public synchronized double nanosBetween(long from, long to) {
    return marks.get((int) to) - marks.get((int) from);
  }

  @Override
  public String clock() {
    return "the host's clock around emulated kernels";
  }

  @Override
  public void synchronize() {
    // Nothing is ever queued.
  }

  private void check(int status) throws Throwable {
    if (status != 0) {
      MemorySegment text = (MemorySegment) MESSAGE.invokeExact(message);
      throw new CudaException(text.reinterpret(1024).getString(0));
    }
  }

  private static RuntimeException failed(String what, Throwable e) {
    if (e instanceof RuntimeException unchecked) {
      return unchecked;
    }
    if (e instanceof Error error) {
      throw error;
    }
    return new CudaException(what + " of the emulator failed: " + e);
  }
}

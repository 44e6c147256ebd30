// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.backend.BackendUnavailableException;
import org.limbeck.kernels.backend.Backends;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/**
 * Times kernels on a GPU. Before each call a fill of memory puts other bytes into the second cache
 * level; marks around the call tell its time on the device, where the call waits behind the fill,
 * so that what Java takes to launch does not count. The median of some dozen calls after a warm-up.
 *
 * <pre>
 *   GpuBench BACKEND FILE full|tiny SECONDS [STEM,...]     appends rows to FILE
 *   GpuBench join RESULTS LIMBECK PEERS [LIMBECK PEERS]... writes the schema of bench's results
 * </pre>
 */
public final class GpuBench {
  /**
   * Many times the second cache level of any device, and as long in filling as Java takes to launch
   * the kernels of a call.
   */
  private static final long FLUSHED_BYTES = 1L << 30;

  private static final long COPIED_BYTES = 2L << 30;
  private static final int WARM_UP = 3;
  private static final int FEWEST_CALLS = 7;
  private static final int MOST_CALLS = 60;
  private static final double SAMPLING_NANOS = 4e8;
  private static final double NANOS = 1e9;

  private final CudaBackend backend;
  private final boolean tiny;
  private final Path file;
  private final PrintStream out;

  private GpuBench(CudaBackend backend, boolean tiny, Path file, PrintStream out) {
    this.backend = backend;
    this.tiny = tiny;
    this.file = file;
    this.out = out;
  }

  /** Runs and ends with 0; 1 where a case failed, 2 for bad usage or an absent device. */
  public static void main(String[] arguments) {
    int exit;
    try {
      exit = run(System.out, arguments);
    } catch (IOException | BackendUnavailableException e) {
      System.out.println("GpuBench: " + e.getMessage());
      exit = 2;
    }
    System.exit(exit);
  }

  static int run(PrintStream out, String... arguments) throws IOException {
    if (arguments.length >= 4 && arguments.length % 2 == 0 && arguments[0].equals("join")) {
      List<Path> ours = new ArrayList<>();
      List<Path> peers = new ArrayList<>();
      for (int i = 2; i < arguments.length; i += 2) {
        ours.add(Path.of(arguments[i]));
        peers.add(Path.of(arguments[i + 1]));
      }
      return GpuResults.join(Path.of(arguments[1]), ours, peers, out);
    }
    if (arguments.length < 4 || arguments.length > 5) {
      out.println(
          "GpuBench: given "
              + arguments.length
              + " arguments, expected BACKEND FILE full|tiny SECONDS [STEM,...] or join RESULTS LIMBECK"
              + " PEERS...");
      return 2;
    }
    List<String> stems = arguments.length > 4 ? List.of(arguments[4].split(",")) : List.of();
    try (Backends backends = Backends.discover()) {
      CudaBackend backend =
          backends.available().stream()
              .filter(b -> b.name().equals(arguments[0]))
              .map(CudaBackend.class::cast)
              .findFirst()
              .orElse(null);
      if (backend == null) {
        String why =
            backends.missing().stream()
                .filter(m -> m.name().equals(arguments[0]))
                .map(Backends.Missing::toString)
                .findFirst()
                .orElse("no backend is named " + arguments[0]);
        out.println("GpuBench: " + why);
        return 2;
      }
      GpuBench bench =
          new GpuBench(backend, arguments[2].equals("tiny"), Path.of(arguments[1]), out);
      return bench.measure(backends, stems, Double.parseDouble(arguments[3]));
    }
  }

  private int measure(Backends backends, List<String> stems, double seconds) throws IOException {
    long begin = System.nanoTime();
    out.println(backend.description() + "; clock: " + backend.context().driver().clock());
    if (!Files.exists(file)) {
      Files.writeString(file, GpuResults.HEADER + "\n");
    }
    int failed = 0;
    // Not closed: backends are the caller's.
    Limbeck device = Limbeck.open(backends, backend.device(), 1);
    try (Limbeck reference = Limbeck.open(List.of("scalar"), 1)) {
      failed += copy();
      for (GpuCases.Case c : GpuCases.all(tiny)) {
        if (!stems.isEmpty() && !stems.contains(c.stem())) {
          continue;
        }
        String name = c.stem() + " " + c.shape() + " " + c.mode();
        if ((System.nanoTime() - begin) / NANOS > seconds) {
          out.println(name + ": not measured, the " + seconds + " seconds are over");
          failed++;
          continue;
        }
        try (GpuTensors tensors = new GpuTensors(device, reference)) {
          GpuCases.Call call = c.body().open(tensors);
          call.run().run();
          call.check().run();
          row(c, times(call.run()));
        } catch (RuntimeException | OutOfMemoryError e) {
          out.println(name + ": failed: " + e.getMessage());
          failed++;
        }
        release();
      }
    } catch (CudaException e) {
      // A kernel that failed may leave the context unusable, and nothing behind it can be measured.
      out.println("GpuBench: the device cannot be used any more: " + e.getMessage());
      failed++;
    }
    return failed == 0 ? 0 : 1;
  }

  /** What a case took is of other sizes than what the next one takes. */
  private void release() {
    backend.context().driver().synchronize();
    backend.context().allocator().release();
  }

  /**
   * Measures what a copy on the device reaches, bytes read and bytes written.
   *
   * @return 0, or 1 if there is no memory for it
   */
  private int copy() throws IOException {
    try (Memory memory = backend.newMemory()) {
      long bytes = tiny ? 1 << 16 : COPIED_BYTES;
      Matrix source = memory.matrix(DType.U8, 1, bytes);
      Matrix target = memory.matrix(DType.U8, 1, bytes);
      GpuCases.Case c =
          new GpuCases.Case("ceiling", Long.toString(bytes), "copy", 0, 2.0 * bytes, null);
      row(c, times(() -> memory.copy(source, target)));
      return 0;
    } catch (OutOfMemoryError e) {
      out.println("ceiling: failed: " + e.getMessage());
      return 1;
    } finally {
      release();
    }
  }

  /** Returns the times of some calls in nanoseconds, the shortest first. */
  private double[] times(Runnable call) {
    Driver driver = backend.context().driver();
    try (Memory memory = backend.newMemory()) {
      Matrix flushed = memory.matrix(DType.U8, 1, tiny ? 1 << 10 : FLUSHED_BYTES);
      long from = driver.newMark();
      long to = driver.newMark();
      double taken = 0;
      for (int i = 0; i < WARM_UP; i++) {
        taken = time(driver, memory, flushed, call, from, to);
      }
      int calls =
          tiny
              ? FEWEST_CALLS
              : (int) Math.max(FEWEST_CALLS, Math.min(MOST_CALLS, SAMPLING_NANOS / taken));
      double[] times = new double[calls];
      for (int i = 0; i < calls; i++) {
        times[i] = time(driver, memory, flushed, call, from, to);
      }
      Arrays.sort(times);
      return times;
    }
  }

  private static double time(
      Driver driver, Memory memory, Matrix flushed, Runnable call, long from, long to) {
    memory.zero(flushed);
    driver.mark(from);
    call.run();
    driver.mark(to);
    driver.synchronize();
    return driver.nanosBetween(from, to);
  }

  private void row(GpuCases.Case c, double[] times) throws IOException {
    GpuResults.Row row =
        new GpuResults.Row(
            c.stem(),
            c.shape(),
            c.mode(),
            backend.name(),
            backend.context().driver().clock(),
            times[times.length / 2],
            times[0],
            times[times.length - 1],
            times.length,
            c.flops(),
            c.bytes());
    Files.writeString(file, row.line() + "\n", StandardCharsets.UTF_8, StandardOpenOption.APPEND);
    out.printf(
        Locale.ROOT,
        "%-13s %-18s %-20s %12.1f us (%.1f to %.1f, %d calls) %9.1f GB/s %9.1f GFLOP/s%n",
        c.stem(),
        c.shape(),
        c.mode(),
        row.medianNanos() / 1e3,
        row.lowNanos() / 1e3,
        row.highNanos() / 1e3,
        row.calls(),
        row.bytes() / row.medianNanos(),
        row.flops() / row.medianNanos());
    out.flush();
  }
}

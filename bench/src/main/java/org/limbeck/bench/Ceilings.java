// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.limbeck.bench.cases.Work;

/**
 * What the machine can do at most, measured in the same run: arithmetic, copies and reads, for each
 * number of threads.
 *
 * <p>A roofline is the longer of the time that the operations take at the peak of their
 * instructions and the time that the bytes take at the bandwidth of the level that holds the
 * tensors.
 */
final class Ceilings {
  static final String REGISTERS = "registers";
  static final String COPY = "copy";
  static final String READ = "read";
  static final String BACKEND = "vector";

  /** What a ceiling's backend is that C loops measure. */
  static final String NATIVE = "native";

  /** The peer column of a ceiling: the machine itself. */
  static final String MACHINE = "machine";

  private static final int REPEATS = 15;
  private static final long DOT_ROUNDS = 1_000_000;

  /** Arithmetic takes two milliseconds a time: more of them see the clock at its usual rate. */
  private static final int PEAK_REPEATS = 61;

  /**
   * The shortest time that a call can take.
   *
   * @param nanos the time; NaN where the peak of its instructions is not known
   * @param ceiling the {@link Row#key} of the ceiling that sets it
   */
  record Roofline(double nanos, String ceiling) {}

  /** Operations or bytes a nanosecond, and the key of the row that holds them. */
  private record Peak(double rate, String key) {}

  private final List<Row> rows = new ArrayList<>();

  // By number of threads, then by instruction or by floats of a buffer.
  private final Map<Integer, Map<Work.Arithmetic, Peak>> arithmetic = new TreeMap<>();
  private final Map<String, Map<Integer, TreeMap<Long, Peak>>> bandwidth = new TreeMap<>();

  /** Adds the median time of a peak. */
  void addArithmetic(
      String backend, Work.Arithmetic instructions, int threads, double ops, double nanos) {
    Work work = new Work(instructions, ops, 0, 0);
    String key = add(REGISTERS, instructions.label(), threads, backend, nanos, work);
    arithmetic
        .computeIfAbsent(threads, n -> new EnumMap<>(Work.Arithmetic.class))
        .put(instructions, new Peak(ops / nanos, key));
  }

  /** Adds a row that says why a peak is not known. */
  private void addAbsent(Work.Arithmetic instructions, int threads, String reason) {
    Work none = new Work(instructions, Double.NaN, Double.NaN, Double.NaN);
    rows.add(
        Row.of(
                Row.CEILING,
                REGISTERS,
                instructions.label(),
                threads,
                NATIVE,
                Double.NaN,
                none,
                Double.NaN)
            .beside(MACHINE, Machine.describe() + "; absent: " + reason, Double.NaN, Double.NaN));
  }

  /** Adds the median time of a copy or a read. */
  void addBandwidth(String mode, long floats, int threads, double bytes, double nanos) {
    Work work = new Work(Work.Arithmetic.FMA, 0, bytes, 0);
    String key = add(Long.toString(floats), mode, threads, BACKEND, nanos, work);
    bandwidth
        .computeIfAbsent(mode, m -> new TreeMap<>())
        .computeIfAbsent(threads, n -> new TreeMap<>())
        .put(floats, new Peak(bytes / nanos, key));
  }

  /** Returns the key of the row. */
  private String add(
      String shape, String mode, int threads, String backend, double nanos, Work work) {
    Row row =
        Row.of(Row.CEILING, shape, mode, threads, backend, nanos, work, nanos)
            .beside(MACHINE, Machine.describe(), nanos, 1);
    rows.add(row);
    return row.key();
  }

  /** Returns the rows of the results file. */
  List<Row> rows() {
    return rows;
  }

  /**
   * Measures what the vector unit and the memory do, and with the native backend its dot products.
   *
   * @param threads the numbers of threads
   * @param sizes the floats of the buffers, one size for each level of the memory
   * @param once whether a single call each is enough, for a check
   */
  static Ceilings measure(List<Integer> threads, List<String> sizes, boolean once) {
    Ceilings ceilings = new Ceilings();
    DotLoops dots = DotLoops.find();
    for (int n : threads) {
      boolean first = true;
      for (String size : sizes) {
        CeilingsBenchmark loops = new CeilingsBenchmark();
        loops.threads = n;
        loops.shape = Long.parseLong(size);
        loops.warmUpMillis = once ? 0 : 300;
        loops.open();
        if (first) {
          double nanos = median(loops::fma, PEAK_REPEATS, once);
          ceilings.addArithmetic(
              BACKEND, Work.Arithmetic.FMA, n, CeilingsBenchmark.fmaFlops(n), nanos);
          ceilings.measureDots(dots, loops, n, once);
          first = false;
        }
        double copyBytes = CeilingsBenchmark.copyBytes(loops.shape);
        ceilings.addBandwidth(COPY, loops.shape, n, copyBytes, median(loops::copy, REPEATS, once));
        double readBytes = CeilingsBenchmark.readBytes(loops.shape);
        ceilings.addBandwidth(READ, loops.shape, n, readBytes, median(loops::read, REPEATS, once));
        loops.close();
      }
    }
    return ceilings;
  }

  private void measureDots(DotLoops dots, CeilingsBenchmark loops, int threads, boolean once) {
    for (Work.Arithmetic kind : List.of(Work.Arithmetic.BF16_DOT, Work.Arithmetic.INT8_DOT)) {
      if (!dots.absent().isEmpty()) {
        addAbsent(kind, threads, dots.absent());
        continue;
      }
      double operations = threads * dots.run(kind, DOT_ROUNDS);
      Runnable loop = () -> loops.dots(dots, kind, DOT_ROUNDS);
      double nanos = median(loop, PEAK_REPEATS, once);
      addArithmetic(NATIVE, kind, threads, operations, nanos);
    }
  }

  private static double median(Runnable loop, int repeats, boolean once) {
    if (!once) {
      loop.run();
      loop.run();
    }
    double[] nanos = new double[once ? 1 : repeats];
    for (int i = 0; i < nanos.length; i++) {
      long begin = System.nanoTime();
      loop.run();
      nanos[i] = System.nanoTime() - begin;
    }
    return Quantiles.of(nanos, 0.5);
  }

  /**
   * Returns the roofline of a call.
   *
   * @param work what it does
   * @param threads the number of threads
   * @param residentBytes the bytes of its tensors, which decide the level of the memory
   * @param cold whether they come from beyond all caches
   */
  Roofline roofline(Work work, int threads, long residentBytes, boolean cold) {
    TreeMap<Long, Peak> levels = bandwidth.get(work.mostlyReads() ? READ : COPY).get(threads);
    int level =
        cold || residentBytes > Caches.LAST_LEVEL
            ? 2
            : residentBytes > Caches.SECOND_LEVEL * threads ? 1 : 0;
    List<Peak> peaks = List.copyOf(levels.values());
    // Counted from the largest: fewer sizes than levels leave the outer ones.
    Peak memory = peaks.get(Math.max(0, peaks.size() - 3 + level));
    Peak registers = arithmetic.get(threads).get(work.arithmetic());
    if (registers == null) {
      return new Roofline(Double.NaN, memory.key());
    }
    double computing = work.flops() / registers.rate();
    double moving = work.bytes() / memory.rate();
    return computing > moving
        ? new Roofline(computing, registers.key())
        : new Roofline(moving, memory.key());
  }
}

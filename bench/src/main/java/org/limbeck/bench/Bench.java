// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.Philox;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The library, the reference to check it against, and the tensors of a benchmark. */
@State(Scope.Benchmark)
public class Bench {
  /** Random values repeat after so many: a prime, so that no two rows are the same. */
  private static final int PERIOD = 1_000_003;

  /** The backend. */
  @Param("vector")
  public String backend;

  /** The number of threads. */
  @Param({"1", "2"})
  public int threads;

  /** How long small work warms up a kernel before it is measured, at least once. */
  @Param("1000")
  public int warmUpMillis;

  private Limbeck limbeck;
  private Limbeck reference;
  private HostMemory memory;
  private int stream;

  /** For JMH. */
  public Bench() {}

  /** Opens the library. */
  @Setup(Level.Trial)
  public void open() {
    limbeck = Limbeck.open(List.of(backend), threads);
    reference = Limbeck.open(List.of("scalar"), 1);
    memory = new HostMemory();
  }

  /** Frees everything. */
  @TearDown(Level.Trial)
  public void close() {
    limbeck.close();
    reference.close();
    memory.close();
  }

  /** Returns the library with the backend to measure. */
  Limbeck limbeck() {
    return limbeck;
  }

  /** Returns the library with the scalar backend alone. */
  Limbeck reference() {
    return reference;
  }

  /** Returns a new matrix of zeros. */
  Matrix zeros(DType type, long rows, long cols) {
    return memory.matrix(type, rows, cols);
  }

  /**
   * Returns values between -range and range: never a denormal, which would slow arithmetic down.
   */
  Matrix random(long rows, long cols, double range) {
    Matrix m = memory.matrix(DType.F32, rows, cols);
    float[] period = new float[(int) Math.min(PERIOD, rows * cols)];
    for (int i = 0; i < period.length; i++) {
      period[i] = (float) (Philox.word(7, stream, i / 4, i % 4) * 0x1p-31 * range);
    }
    stream++;
    MemorySegment source = MemorySegment.ofArray(period);
    long bytes = 4 * rows * cols;
    for (long at = 0; at < bytes; at += source.byteSize()) {
      MemorySegment.copy(source, 0, m.segment(), at, Math.min(source.byteSize(), bytes - at));
    }
    return m;
  }

  /**
   * Calls small work until the compiler has had its time: in the interpreter the Vector API takes
   * nearly a microsecond an element, and large work would be over before it is compiled.
   */
  static void warmUp(int millis, Runnable small) {
    long end = System.nanoTime() + millis * 1_000_000L;
    do {
      small.run();
    } while (System.nanoTime() < end);
  }

  /**
   * Compares a result with the reference's.
   *
   * @param what its name, for the message
   * @param got the result
   * @param want the reference's
   * @param absolute the largest difference allowed
   * @throws IllegalStateException if an element differs by more
   */
  static void check(String what, Matrix got, Matrix want, double absolute) {
    for (long r = 0; r < want.rows(); r++) {
      for (long c = 0; c < want.cols(); c++) {
        double g = number(got, r, c);
        double w = number(want, r, c);
        if (!(Math.abs(g - w) <= absolute)) {
          throw new IllegalStateException(
              String.format(
                  Locale.ROOT,
                  "%s[%d, %d]: got %s, the reference gives %s, allowed is a difference of %s",
                  what,
                  r,
                  c,
                  g,
                  w,
                  absolute));
        }
      }
    }
  }

  private static double number(Matrix m, long r, long c) {
    return m.type() == DType.F64 ? m.getDouble(r, c) : m.getFloat(r, c);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.List;
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

/** The library and the tensors of a benchmark. */
@State(Scope.Benchmark)
public class Bench {
  /** The backend. */
  @Param("vector")
  public String backend;

  /** The number of threads. */
  @Param({"1", "2"})
  public int threads;

  private Limbeck limbeck;
  private HostMemory memory;
  private long stream;

  /** Opens the library. */
  @Setup(Level.Trial)
  public void open() {
    limbeck = Limbeck.open(List.of(backend), threads);
    memory = new HostMemory();
  }

  /** Frees everything. */
  @TearDown(Level.Trial)
  public void close() {
    limbeck.close();
    memory.close();
  }

  Limbeck limbeck() {
    return limbeck;
  }

  Matrix zeros(DType type, long rows, long cols) {
    return memory.matrix(type, rows, cols);
  }

  /**
   * Returns values between -range and range: never a denormal, which would slow arithmetic down.
   */
  Matrix random(long rows, long cols, double range) {
    Matrix m = memory.matrix(DType.F32, rows, cols);
    long s = stream++;
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < cols; c += 4) {
        for (int w = 0; w < 4 && c + w < cols; w++) {
          double u = Philox.word(7, s, (r * cols + c) / 4, w) * 0x1p-31;
          m.setFloat(r, c + w, (float) (u * range));
        }
      }
    }
    return m;
  }
}

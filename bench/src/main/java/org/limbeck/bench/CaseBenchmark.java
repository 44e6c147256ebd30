// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.limbeck.bench.cases.Shapes;
import org.limbeck.bench.cases.Stems;
import org.limbeck.kernels.Limbeck;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Any case of any stem under JMH, checked against the scalar reference at set-up. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CaseBenchmark {
  /** The stem. */
  @Param("softmax_kl")
  public String stem;

  /** Its sizes. */
  @Param("512x30522")
  public String shape;

  /** What is run of it. */
  @Param("forward_kl+gradient")
  public String mode;

  /** Whether the caches hold the tensors. */
  @Param({"hot", "cold"})
  public String buffers;

  /** The backend. */
  @Param("vector")
  public String backend;

  /** The number of threads. */
  @Param("1")
  public int threads;

  /** How long small work warms up a kernel before it is measured, at least once. */
  @Param("1000")
  public int warmUpMillis;

  private Limbeck limbeck;
  private Prepared prepared;
  private Runnable call;

  /** For JMH. */
  public CaseBenchmark() {}

  /** Opens the library, checks and warms up. */
  @Setup(Level.Trial)
  public void open() {
    limbeck = Chosen.open(backend, threads);
    try (Limbeck reference = Limbeck.open(List.of("scalar"), 1)) {
      prepared =
          Prepared.open(
              Stems.find(stem).orElseThrow(),
              mode,
              Shapes.sizes(shape),
              buffers.equals("cold"),
              limbeck,
              reference,
              false,
              warmUpMillis);
    }
    call = prepared.ours();
  }

  /** Frees everything. */
  @TearDown(Level.Trial)
  public void close() {
    prepared.close();
    limbeck.close();
  }

  /** One call. */
  @Benchmark
  public void call() {
    call.run();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.concurrent.TimeUnit;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** fake_quant of one tensor: ternary weights and 8-bit activations, forward and backward. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class FakeQuantBenchmark {
  /** rows x cols. */
  @Param("4096x4096")
  public String shape;

  /** The quantizer. */
  @Param({"ternary", "symmetric8"})
  public String scheme;

  private Operation<FakeQuant.Spec, FakeQuant.Forward> forward;
  private Operation<FakeQuant.Spec, FakeQuant.Backward> backward;
  private FakeQuant.Forward forwardArguments;
  private FakeQuant.Backward backwardArguments;

  /** Fills the values. */
  @Setup(Level.Trial)
  public void prepare(Bench bench) {
    long[] size = GemmF32Benchmark.sizes(shape);
    Matrix x = bench.random(size[0], size[1], 3);
    Matrix y = bench.zeros(DType.F32, size[0], size[1]);
    Matrix gradY = bench.random(size[0], size[1], 1);
    FakeQuant.Spec spec =
        scheme.equals("ternary")
            ? FakeQuant.Spec.ternary(FakeQuant.Group.TENSOR, 2.5f)
            : FakeQuant.Spec.symmetric(8, FakeQuant.Group.TENSOR, 2.5f);
    forward = bench.limbeck().operation(FakeQuant.FORWARD, spec);
    backward = bench.limbeck().operation(FakeQuant.BACKWARD, spec);
    forwardArguments = FakeQuant.Forward.of(x, y);
    backwardArguments = FakeQuant.Backward.of(x, gradY, bench.zeros(DType.F32, size[0], size[1]));
  }

  /** Quantizes and dequantizes. */
  @Benchmark
  public void forward() {
    forward.run(forwardArguments);
  }

  /** Passes the gradient. */
  @Benchmark
  public void backward() {
    backward.run(backwardArguments);
  }
}

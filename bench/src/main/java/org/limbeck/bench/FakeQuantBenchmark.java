// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.concurrent.TimeUnit;
import org.limbeck.kernels.Limbeck;
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
import org.openjdk.jmh.infra.BenchmarkParams;

/**
 * fake_quant of one tensor, one group, clip 2.5, against its necessary passes at copy bandwidth.
 *
 * <p>Passes of a tensor beyond all caches, four bytes an element each. Ternary forward: three
 * reads, because the mean of |x| comes before the mean of what lies above 0.7 of it, and that
 * before the result; one write. 8-bit forward: two reads, the largest |x| and then the result; one
 * write. Backward of both: x and the gradient are read, the gradient written.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class FakeQuantBenchmark {
  private static final double TOLERANCE = 1e-5;

  /** rows x cols. */
  @Param("4096x4096")
  public String shape;

  /** The quantizer. */
  @Param({"ternary", "symmetric8"})
  public String scheme;

  private Bench bench;
  private FakeQuant.Spec spec;
  private Tensors tensors;

  private final class Tensors {
    final Operation<FakeQuant.Spec, FakeQuant.Forward> forward;
    final Operation<FakeQuant.Spec, FakeQuant.Backward> backward;
    final FakeQuant.Forward forwardArguments;
    final FakeQuant.Backward backwardArguments;

    Tensors(Limbeck limbeck, Matrix x, Matrix gradY) {
      forward = limbeck.operation(FakeQuant.FORWARD, spec);
      backward = limbeck.operation(FakeQuant.BACKWARD, spec);
      forwardArguments = FakeQuant.Forward.of(x, bench.zeros(DType.F32, x.rows(), x.cols()));
      Matrix gradX = bench.zeros(DType.F32, x.rows(), x.cols());
      backwardArguments = FakeQuant.Backward.of(x, gradY, gradX);
    }

    void run() {
      forward.run(forwardArguments);
      backward.run(backwardArguments);
    }
  }

  /** For JMH. */
  public FakeQuantBenchmark() {}

  /** Returns what one call does. */
  static Work work(BenchmarkParams params) {
    String shape = params.getParam("shape");
    String scheme = params.getParam("scheme");
    String benchmark = params.getBenchmark();
    String direction = benchmark.substring(benchmark.lastIndexOf('.') + 1);
    long[] size = Shapes.sizes(shape);
    int passes = scheme.equals("ternary") && direction.equals("forward") ? 4 : 3;
    return Work.streams(
        "fake_quant",
        shape,
        scheme + "." + direction,
        Work.Bound.COPY,
        4.0 * passes * size[0] * size[1]);
  }

  /** Fills the values, warms up, and checks a small tensor. */
  @Setup(Level.Trial)
  public void prepare(Bench state) {
    bench = state;
    spec =
        scheme.equals("ternary")
            ? FakeQuant.Spec.ternary(FakeQuant.Group.TENSOR, 2.5f)
            : FakeQuant.Spec.symmetric(8, FakeQuant.Group.TENSOR, 2.5f);
    // Large enough that it is split in pieces, as the measured one is.
    Tensors small = tensors(bench.limbeck(), 257, 515);
    Bench.warmUp(bench.warmUpMillis, small::run);
    Tensors want =
        new Tensors(bench.reference(), small.forwardArguments.x(), small.backwardArguments.gradY());
    want.run();
    Bench.check("y", small.forwardArguments.y(), want.forwardArguments.y(), TOLERANCE);
    Bench.check(
        "grad_x", small.backwardArguments.gradX(), want.backwardArguments.gradX(), TOLERANCE);
    long[] size = Shapes.sizes(shape);
    tensors = tensors(bench.limbeck(), size[0], size[1]);
  }

  private Tensors tensors(Limbeck limbeck, long rows, long cols) {
    return new Tensors(limbeck, bench.random(rows, cols, 3), bench.random(rows, cols, 1));
  }

  /** Quantizes and dequantizes. */
  @Benchmark
  public void forward() {
    tensors.forward.run(tensors.forwardArguments);
  }

  /** Passes the gradient. */
  @Benchmark
  public void backward() {
    tensors.backward.run(tensors.backwardArguments);
  }
}

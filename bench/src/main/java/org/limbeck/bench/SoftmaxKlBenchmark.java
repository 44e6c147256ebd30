// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.concurrent.TimeUnit;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.SoftmaxKl;
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
 * softmax_kl, forward KL at T = 4, value and gradient in one call, against three streams at copy
 * bandwidth: student and teacher are read once and the gradient written once, 12 bytes an element.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class SoftmaxKlBenchmark {
  // Gradients here are T (p - q), at most 4: float32 exponentials leave a few times 1e-7 of p.
  private static final double TOLERANCE = 4e-6;
  private static final double BYTES_PER_ELEMENT = 12;

  /** rows x vocabulary. */
  @Param("512x30522")
  public String shape;

  private Bench bench;
  private Operation<SoftmaxKl.Spec, SoftmaxKl.Arguments> kl;
  private Operation<SoftmaxKl.Spec, SoftmaxKl.Arguments> reference;
  private SoftmaxKl.Arguments arguments;

  /** For JMH. */
  public SoftmaxKlBenchmark() {}

  /** Returns what one call does. */
  static Work work(BenchmarkParams params) {
    long[] size = Shapes.sizes(params.getParam("shape"));
    return Work.streams(
        "softmax_kl",
        params.getParam("shape"),
        "forward_kl+gradient",
        Work.Bound.COPY,
        BYTES_PER_ELEMENT * size[0] * size[1]);
  }

  /** Fills the logits, warms up, and checks small logits and the last row of the large ones. */
  @Setup(Level.Trial)
  public void prepare(Bench state) {
    bench = state;
    SoftmaxKl.Spec spec = SoftmaxKl.Spec.builder().temperature(4).scale(16).build();
    kl = bench.limbeck().operation(SoftmaxKl.OP, spec);
    reference = operation(bench.reference(), spec);
    SoftmaxKl.Arguments small = logits(7, 1003);
    Bench.warmUp(bench.warmUpMillis, () -> kl.run(small));
    checkRows(small, 0, 7);
    long[] size = Shapes.sizes(shape);
    arguments = logits(size[0], size[1]);
    kl.run(arguments);
    checkRows(arguments, size[0] - 1, size[0]);
  }

  private static Operation<SoftmaxKl.Spec, SoftmaxKl.Arguments> operation(
      Limbeck limbeck, SoftmaxKl.Spec spec) {
    return limbeck.operation(SoftmaxKl.OP, spec);
  }

  private SoftmaxKl.Arguments logits(long rows, long cols) {
    return arguments(
        bench.random(rows, cols, 8),
        bench.random(rows, cols, 8),
        bench.zeros(DType.F32, rows, cols));
  }

  private SoftmaxKl.Arguments arguments(Matrix student, Matrix teacher, Matrix gradient) {
    return SoftmaxKl.Arguments.of(student, teacher)
        .gradStudent(gradient)
        .loss(bench.zeros(DType.F64, 1, 1))
        .build();
  }

  /** Compares rows of a gradient that is there, and the loss of these rows alone. */
  private void checkRows(SoftmaxKl.Arguments whole, long from, long to) {
    Matrix student = whole.student().rows(from, to);
    Matrix teacher = whole.teacher().rows(from, to);
    SoftmaxKl.Arguments want =
        arguments(student, teacher, bench.zeros(DType.F32, to - from, student.cols()));
    reference.run(want);
    Bench.check("gradient", whole.gradStudent().rows(from, to), want.gradStudent(), TOLERANCE);
    SoftmaxKl.Arguments got = arguments(student, teacher, whole.gradStudent().rows(from, to));
    kl.run(got);
    double loss = want.loss().getDouble(0, 0);
    Bench.check("loss", got.loss(), want.loss(), 1e-5 * Math.abs(loss));
  }

  /** Value and gradient. */
  @Benchmark
  public void forwardAndGradient() {
    kl.run(arguments);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.concurrent.TimeUnit;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
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

/** gemm_f32 against the FMA peak: 2 m n k flops a call. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class GemmF32Benchmark {
  // Elements are below 1: a sum of k products in float32 is within k^2 units of 2^-24, and in
  // practice far closer; an index that is wrong shows as a difference near 1.
  private static final double TOLERANCE_PER_TERM = 1e-6;

  /** m x n x k. */
  @Param("1024x1024x1024")
  public String shape;

  /** Which operands are transposed. */
  @Param({"NN", "NT", "TN"})
  public String layout;

  private Bench bench;
  private GemmF32.Spec spec;
  private Operation<GemmF32.Spec, GemmF32.Arguments> gemm;
  private GemmF32.Arguments arguments;

  /** For JMH. */
  public GemmF32Benchmark() {}

  /** Returns what one call does. */
  static Work work(BenchmarkParams params) {
    long[] mnk = Shapes.sizes(params.getParam("shape"));
    return Work.arithmetic(
        "gemm_f32",
        params.getParam("shape"),
        params.getParam("layout"),
        2.0 * mnk[0] * mnk[1] * mnk[2]);
  }

  /** Fills the operands, warms up, and checks a small product and two rows of the large one. */
  @Setup(Level.Trial)
  public void prepare(Bench state) {
    bench = state;
    spec = GemmF32.Spec.of(layout.charAt(0) == 'T', layout.charAt(1) == 'T');
    gemm = bench.limbeck().operation(GemmF32.OP, spec);
    GemmF32.Arguments small = operands(61, 67, 129);
    Bench.warmUp(bench.warmUpMillis, () -> gemm.run(small));
    checkRows(small, 0, 61);
    long[] mnk = Shapes.sizes(shape);
    arguments = operands(mnk[0], mnk[1], mnk[2]);
    gemm.run(arguments);
    checkRows(arguments, mnk[0] - 1, mnk[0]);
    checkRows(arguments, mnk[0] / 2, mnk[0] / 2 + 1);
  }

  private GemmF32.Arguments operands(long m, long n, long k) {
    Matrix a = spec.transA() ? bench.random(k, m, 1) : bench.random(m, k, 1);
    Matrix b = spec.transB() ? bench.random(n, k, 1) : bench.random(k, n, 1);
    return GemmF32.Arguments.of(a, b, bench.zeros(DType.F32, m, n));
  }

  private void checkRows(GemmF32.Arguments whole, long from, long to) {
    Limbeck reference = bench.reference();
    Matrix a = spec.transA() ? whole.a().columns(from, to) : whole.a().rows(from, to);
    Matrix want = bench.zeros(DType.F32, to - from, whole.c().cols());
    reference.operation(GemmF32.OP, spec).run(GemmF32.Arguments.of(a, whole.b(), want));
    long k = spec.transA() ? whole.a().rows() : whole.a().cols();
    Bench.check("c", whole.c().rows(from, to), want, k * TOLERANCE_PER_TERM);
  }

  /** One product. */
  @Benchmark
  public void gemm() {
    gemm.run(arguments);
  }
}

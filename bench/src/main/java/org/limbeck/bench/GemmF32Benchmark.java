// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.concurrent.TimeUnit;
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

/** gemm_f32: a square, and the linear layers of BERT-base at 1,024 tokens. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class GemmF32Benchmark {
  /** m x n x k. */
  @Param({"1024x1024x1024", "1024x768x768", "1024x3072x768", "1024x768x3072"})
  public String shape;

  /** Which operands are transposed. */
  @Param({"NN", "NT", "TN"})
  public String layout;

  private Operation<GemmF32.Spec, GemmF32.Arguments> gemm;
  private GemmF32.Arguments arguments;

  /** Fills the operands. */
  @Setup(Level.Trial)
  public void prepare(Bench bench) {
    long[] mnk = sizes(shape);
    boolean transA = layout.charAt(0) == 'T';
    boolean transB = layout.charAt(1) == 'T';
    Matrix a = transA ? bench.random(mnk[2], mnk[0], 1) : bench.random(mnk[0], mnk[2], 1);
    Matrix b = transB ? bench.random(mnk[1], mnk[2], 1) : bench.random(mnk[2], mnk[1], 1);
    arguments = GemmF32.Arguments.of(a, b, bench.zeros(DType.F32, mnk[0], mnk[1]));
    gemm = bench.limbeck().operation(GemmF32.OP, GemmF32.Spec.of(transA, transB));
  }

  /** Returns the sizes of a shape such as 1024x768x3072. */
  static long[] sizes(String shape) {
    String[] parts = shape.split("x", -1);
    long[] sizes = new long[parts.length];
    for (int i = 0; i < parts.length; i++) {
      sizes[i] = Long.parseLong(parts[i]);
    }
    return sizes;
  }

  /** One product. */
  @Benchmark
  public void gemm() {
    gemm.run(arguments);
  }
}

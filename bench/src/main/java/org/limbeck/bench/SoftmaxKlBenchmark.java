// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.concurrent.TimeUnit;
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

/** softmax_kl, forward KL at T = 4: value and gradient in one call, on two vocabularies. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class SoftmaxKlBenchmark {
  /** rows x vocabulary: BERT's, and that of a large language model. */
  @Param({"512x30522", "256x128256"})
  public String shape;

  private Operation<SoftmaxKl.Spec, SoftmaxKl.Arguments> kl;
  private SoftmaxKl.Arguments arguments;

  /** Fills the logits. */
  @Setup(Level.Trial)
  public void prepare(Bench bench) {
    long[] size = GemmF32Benchmark.sizes(shape);
    Matrix student = bench.random(size[0], size[1], 8);
    Matrix teacher = bench.random(size[0], size[1], 8);
    Matrix gradient = bench.zeros(DType.F32, size[0], size[1]);
    kl =
        bench
            .limbeck()
            .operation(SoftmaxKl.OP, SoftmaxKl.Spec.builder().temperature(4).scale(16).build());
    arguments =
        SoftmaxKl.Arguments.of(student, teacher)
            .gradStudent(gradient)
            .loss(bench.zeros(DType.F64, 1, 1))
            .build();
  }

  /** Value and gradient. */
  @Benchmark
  public void forwardAndGradient() {
    kl.run(arguments);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.bench.cases.Work.Arithmetic;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Op;

/**
 * gemm_f32 and gemm_bf16: 2 m n k flops; A, B and the bias read, C written. They differ in the type
 * of A and B.
 */
final class GemmCases extends StemCases {
  /** The names of a product's sizes. */
  static final String DIMENSIONS = "m x n x k";

  /** Odd, and no multiple of a tile, a block or a word. */
  static final long[] SMALL = {61, 67, 129};

  // Elements are below 1: a sum of k products in float32 is within k^2 units of 2^-24, and in
  // practice far closer; an index that is wrong shows as a difference near 1.
  private static final double TOLERANCE_PER_TERM = 1e-6;

  private static final String EPILOGUE = "NN+bias_gelu";

  private final Op<GemmF32.Spec, GemmF32.Arguments> op;
  private final DType factors;
  private final Arithmetic arithmetic;

  private GemmCases(Op<GemmF32.Spec, GemmF32.Arguments> op, DType factors, Arithmetic arithmetic) {
    super(op.stem(), DIMENSIONS, List.of("NN", "NT", "TN", EPILOGUE), SMALL);
    this.op = op;
    this.factors = factors;
    this.arithmetic = arithmetic;
  }

  static StemCases f32() {
    return new GemmCases(GemmF32.OP, DType.F32, Arithmetic.FMA);
  }

  static StemCases bf16() {
    return new GemmCases(GemmBf16.OP, DType.BF16, Arithmetic.BF16_DOT);
  }

  /**
   * Returns the work of a product: A, B and a C of 4 bytes an element pass the memory once.
   *
   * @param bytesOfA the bytes of an element of A
   * @param bytesOfB all bytes of B
   */
  static Work work(Arithmetic arithmetic, long[] size, double bytesOfA, double bytesOfB) {
    double m = size[0];
    double n = size[1];
    double k = size[2];
    return new Work(arithmetic, 2 * m * n * k, bytesOfA * m * k + bytesOfB, Float.BYTES * m * n);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long m = size[0];
    long n = size[1];
    long k = size[2];
    boolean transA = mode.charAt(0) == 'T';
    boolean transB = mode.charAt(1) == 'T';
    boolean epilogue = mode.equals(EPILOGUE);
    GemmF32.Spec plain = GemmF32.Spec.of(transA, transB);
    GemmF32.Spec spec = epilogue ? plain.withEpilogue(GemmF32.Epilogue.BIAS_GELU) : plain;
    to.random("a", factors, transA ? k : m, transA ? m : k, 1, transA ? Part.COLUMNS : Part.ROWS)
        .random("b", factors, transB ? n : k, transB ? k : n, 1, Part.WHOLE)
        .output("c", m, n, Math.max(4, k) * TOLERANCE_PER_TERM, Part.ROWS)
        .rowsAlone(m)
        .work(work(arithmetic, size, factors.bytes(), (double) factors.bytes() * k * n));
    if (epilogue) {
      to.random("bias", 1, n, 1);
    }
    to.call(
        (limbeck, t) -> {
          Operation<GemmF32.Spec, GemmF32.Arguments> gemm = limbeck.operation(op, spec);
          GemmF32.Arguments arguments =
              new GemmF32.Arguments(
                  t.of("a"),
                  t.of("b"),
                  t.of("c"),
                  epilogue ? t.of("bias") : null,
                  GemmF32.Batch.SINGLE);
          return () -> gemm.run(arguments);
        });
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.GemmF32;

/** gemm_f32: 2 m n k flops; A, B and the bias read, C written. */
final class GemmF32Cases extends StemCases {
  // Elements are below 1: a sum of k products in float32 is within k^2 units of 2^-24, and in
  // practice far closer; an index that is wrong shows as a difference near 1.
  private static final double TOLERANCE_PER_TERM = 1e-6;

  private static final String EPILOGUE = "NN+bias_gelu";

  GemmF32Cases() {
    super("gemm_f32", "m x n x k", List.of("NN", "NT", "TN", EPILOGUE), 61, 67, 129);
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
    to.random("a", transA ? k : m, transA ? m : k, 1, transA ? Part.COLUMNS : Part.ROWS)
        .random("b", transB ? n : k, transB ? k : n, 1)
        .output("c", m, n, Math.max(4, k) * TOLERANCE_PER_TERM, Part.ROWS)
        .rowsAlone(m)
        .work(Work.f32(2.0 * m * n * k, (double) m * k + (double) k * n, (double) m * n));
    if (epilogue) {
      to.random("bias", 1, n, 1);
    }
    to.call(
        (limbeck, t) -> {
          Operation<GemmF32.Spec, GemmF32.Arguments> gemm = limbeck.operation(GemmF32.OP, spec);
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

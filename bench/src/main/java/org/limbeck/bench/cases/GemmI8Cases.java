// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.bench.cases.Work.Arithmetic;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.GemmI8;

/**
 * gemm_i8: 2 m n k operations; A and B read, C written; with scales also those of the rows and
 * columns and a bias, which count for nothing.
 */
final class GemmI8Cases extends StemCases {
  private static final String SCALES = "+scales";

  // Of scales and biases below 1: sums of products below 2^14 in float32.
  private static final double SCALED_TOLERANCE = 1e-6;

  GemmI8Cases() {
    super("gemm_i8", GemmCases.DIMENSIONS, List.of("NN", "NT", "NT" + SCALES), GemmCases.SMALL);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long m = size[0];
    long n = size[1];
    long k = size[2];
    boolean transB = mode.charAt(1) == 'T';
    boolean scales = mode.endsWith(SCALES);
    GemmI8.Spec spec = new GemmI8.Spec(transB, scales ? GemmI8.Output.F32 : GemmI8.Output.I32);
    to.random("a", DType.I8, m, k, 1, Part.ROWS)
        .random("b", DType.I8, transB ? n : k, transB ? k : n, 1, Part.WHOLE)
        .rowsAlone(m)
        .work(GemmCases.work(Arithmetic.INT8_DOT, size, 1, (double) k * n));
    if (scales) {
      to.random("row_scale", DType.F32, 1, m, 1, Part.COLUMNS)
          .random("col_scale", 1, n, 1)
          .random("bias", 1, n, 1)
          .output("c", m, n, SCALED_TOLERANCE, Part.ROWS);
    } else {
      to.sums("c", m, n, Part.ROWS);
    }
    to.call(
        (limbeck, t) -> {
          Operation<GemmI8.Spec, GemmI8.Arguments> gemm = limbeck.operation(GemmI8.OP, spec);
          GemmI8.Arguments arguments =
              scales
                  ? new GemmI8.Arguments(
                      t.of("a"),
                      t.of("b"),
                      t.of("c"),
                      t.of("row_scale"),
                      t.of("col_scale"),
                      t.of("bias"))
                  : GemmI8.Arguments.of(t.of("a"), t.of("b"), t.of("c"));
          return () -> gemm.run(arguments);
        });
  }
}

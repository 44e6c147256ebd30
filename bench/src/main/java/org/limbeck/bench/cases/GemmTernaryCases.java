// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.bench.cases.Work.Arithmetic;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * gemm_ternary with one scale: 2 m n k operations; activations and 2-bit weights read, y written.
 */
public final class GemmTernaryCases extends StemCases {
  /** The mode that leaves activations as they are. */
  public static final String FLOAT = "f32";

  /** The weights' scale. */
  public static final float SCALE = 0.04f;

  private static final String INTEGER = "i8_row";
  private static final double TOLERANCE_PER_TERM = 1e-6 * SCALE;

  GemmTernaryCases() {
    super("gemm_ternary", GemmCases.DIMENSIONS, List.of(INTEGER, FLOAT), GemmCases.SMALL);
  }

  /** Returns the weights of a case of this stem, W [n, k]. */
  public static PackedTernary weights(Case of) {
    Matrix bytes = of.of("weights");
    return PackedTernary.of(bytes.buffer(), bytes.offsetBytes(), of.size(1), of.size(2));
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long m = size[0];
    long n = size[1];
    long k = size[2];
    boolean integers = mode.equals(INTEGER);
    GemmTernary.Spec spec = new GemmTernary.Spec(integers ? Activations.I8_ROW : Activations.F32);
    double packed = PackedTernary.byteSize(n, k);
    to.random("x", DType.F32, m, k, 1, Part.ROWS)
        .ternary("weights", n, k)
        .constant("scale", SCALE)
        .output("y", m, n, Math.max(4, k) * TOLERANCE_PER_TERM, Part.ROWS)
        .rowsAlone(m)
        .work(
            GemmCases.work(
                integers ? Arithmetic.INT8_DOT : Arithmetic.FMA, size, Float.BYTES, packed))
        .call(
            (limbeck, t) -> {
              Operation<GemmTernary.Spec, GemmTernary.Arguments> gemm =
                  limbeck.operation(GemmTernary.OP, spec);
              GemmTernary.Arguments arguments =
                  GemmTernary.Arguments.of(t.of("x"), weights(t), t.of("scale"), t.of("y"));
              return () -> gemm.run(arguments);
            });
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmI8;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * gemm_i8: parameters trans_b, output (i32, f32); inputs a, b, with output f32 row_scale, col_scale
 * and optionally bias; expects c.
 */
final class GemmI8Adapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    GemmI8.Spec spec =
        new GemmI8.Spec(
            call.bool("trans_b", false),
            call.choice("output", GemmI8.Output.class, GemmI8.Output.I32));
    DType type = spec.output() == GemmI8.Output.I32 ? DType.I32 : DType.F32;
    Matrix a = call.input("a", DType.I8);
    Matrix b = call.input("b", DType.I8);
    Matrix c = call.output("c", type, a.rows(), spec.transB() ? b.rows() : b.cols());
    Matrix rowScale = call.optionalVector("row_scale", DType.F32);
    Matrix colScale = call.optionalVector("col_scale", DType.F32);
    Matrix bias = call.optionalVector("bias", DType.F32);
    call.run(GemmI8.OP, spec, new GemmI8.Arguments(a, b, c, rowScale, colScale, bias));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * gemm_ternary: parameter activations (f32, i8_row); inputs x, codes, scale, bias; expects y, and
 * acc with i8_row. The codes are packed on the way in.
 */
final class GemmTernaryAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    GemmTernary.Spec spec =
        new GemmTernary.Spec(call.choice("activations", Activations.class, Activations.F32));
    Matrix x = call.input("x", DType.F32);
    Matrix codes = call.input("codes", DType.I8);
    Matrix scale = call.vector("scale", DType.F32);
    Matrix bias = call.optionalVector("bias", DType.F32);
    Matrix y = call.output("y", DType.F32, x.rows(), codes.rows());
    Matrix acc = call.optionalOutput("acc", DType.I32, x.rows(), codes.rows());
    call.run(
        GemmTernary.OP,
        spec,
        new GemmTernary.Arguments(x, call.packed(codes), scale, bias, y, acc));
  }
}

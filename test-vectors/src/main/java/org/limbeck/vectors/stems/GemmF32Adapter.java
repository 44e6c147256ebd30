// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * gemm_f32: parameters trans_a, trans_b, alpha, beta, epilogue; inputs a, b, c (the previous C;
 * optional where beta is 0), bias; expects c.
 */
final class GemmF32Adapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    GemmF32.Spec spec =
        new GemmF32.Spec(
            call.bool("trans_a", false),
            call.bool("trans_b", false),
            (float) call.number("alpha", 1),
            (float) call.number("beta", 0),
            call.choice("epilogue", GemmF32.Epilogue.class, GemmF32.Epilogue.NONE));
    Matrix a = call.input("a", DType.F32);
    Matrix b = call.input("b", DType.F32);
    Matrix c = spec.beta() == 0 ? call.optional("c", DType.F32) : call.input("c", DType.F32);
    if (c == null) {
      c =
          call.allocate(
              DType.F32, spec.transA() ? a.cols() : a.rows(), spec.transB() ? b.rows() : b.cols());
    }
    call.output("c", c);
    Matrix bias = call.optionalVector("bias", DType.F32);
    call.run(GemmF32.OP, spec, new GemmF32.Arguments(a, b, c, bias, GemmF32.Batch.SINGLE));
  }
}

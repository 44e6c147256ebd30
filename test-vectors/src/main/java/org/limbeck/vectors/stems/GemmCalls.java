// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Op;
import org.limbeck.vectors.CaseCall;

/**
 * Products of floats: parameters trans_a, trans_b, alpha, beta, epilogue; inputs a, b, c (the
 * previous C; optional where beta is 0), bias; expects c.
 */
final class GemmCalls {
  private GemmCalls() {}

  static void run(CaseCall call, Op<GemmF32.Spec, GemmF32.Arguments> op, DType factors) {
    GemmF32.Spec spec =
        new GemmF32.Spec(
            call.bool("trans_a", false),
            call.bool("trans_b", false),
            (float) call.number("alpha", 1),
            (float) call.number("beta", 0),
            call.choice("epilogue", GemmF32.Epilogue.class, GemmF32.Epilogue.NONE),
            GemmF32.Precision.F32);
    Matrix a = call.input("a", factors);
    Matrix b = call.input("b", factors);
    Matrix c = spec.beta() == 0 ? call.optional("c", DType.F32) : call.input("c", DType.F32);
    if (c == null) {
      c =
          call.allocate(
              DType.F32, spec.transA() ? a.cols() : a.rows(), spec.transB() ? b.rows() : b.cols());
    }
    call.output("c", c);
    Matrix bias = call.optionalVector("bias", DType.F32);
    call.run(op, spec, new GemmF32.Arguments(a, b, c, bias, GemmF32.Batch.SINGLE));
  }
}

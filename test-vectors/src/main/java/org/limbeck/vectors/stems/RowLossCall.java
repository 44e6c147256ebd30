// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.vectors.CaseCall;

/**
 * Losses between rows: inputs student, teacher, row_weight; expects loss, row_loss, grad_student.
 */
final class RowLossCall {
  private RowLossCall() {}

  static RowLoss.Arguments arguments(CaseCall call) {
    Matrix student = call.input("student", DType.F32);
    return new RowLoss.Arguments(
        student,
        call.input("teacher", DType.F32),
        call.optionalVector("row_weight", DType.F32),
        call.optionalOutput("grad_student", DType.F32, student.rows(), student.cols()),
        call.optionalOutput("row_loss", DType.F64, 1, student.rows()),
        call.optionalOutput("loss", DType.F64, 1, 1));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.PetWarmup;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * pet_warmup: params label_smoothing, normaliser; inputs student, gold, label, row_weight; expects
 * loss, row_loss, grad_student.
 */
final class PetWarmupAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    PetWarmup.Spec spec = new PetWarmup.Spec(call.number("label_smoothing", 0), call.normaliser());
    Matrix student = call.input("student", DType.F32);
    Matrix gold = call.vector("gold", DType.I64);
    Matrix label = call.vector("label", DType.I64);
    Matrix rowWeight = call.optionalVector("row_weight", DType.F32);
    Matrix grad = call.optionalOutput("grad_student", DType.F32, student.rows(), student.cols());
    Matrix rowLoss = call.optionalOutput("row_loss", DType.F64, 1, student.rows());
    Matrix loss = call.optionalOutput("loss", DType.F64, 1, 1);
    call.run(
        PetWarmup.OP,
        spec,
        new PetWarmup.Arguments(student, gold, label, rowWeight, grad, rowLoss, loss));
  }
}

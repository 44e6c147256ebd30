// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;
import org.limbeck.vectors.Tensor;
import org.limbeck.vectors.VectorFormatException;

/**
 * attention_kl: params input, temperature, scale, clamp, causal, tau_squared; inputs
 * student_scores, teacher_scores, lengths, mask; expects loss, grad_student_scores.
 */
final class AttentionKlAdapter implements StemAdapter {
  private enum Input {
    SCORES,
    QK
  }

  @Override
  public void run(CaseCall call) {
    if (call.choice("input", Input.class, Input.SCORES) == Input.QK) {
      throw new VectorFormatException("this library computes attention_kl from scores only");
    }
    AttentionKl.Spec spec =
        new AttentionKl.Spec(
            call.number("temperature", 1),
            call.number("scale", 1),
            call.number("clamp", 0),
            call.bool("causal", false),
            call.bool("tau_squared", false));
    Matrix student = call.input("student_scores", DType.F32);
    Matrix teacher = call.input("teacher_scores", DType.F32);
    Matrix lengths = call.optionalVector("lengths", DType.I32);
    Matrix mask = call.optional("mask", DType.U8);
    Matrix grad =
        call.optionalOutput("grad_student_scores", DType.F32, student.rows(), student.cols());
    Matrix loss = call.optionalOutput("loss", DType.F64, 1, 1);
    call.run(
        AttentionKl.OP,
        spec,
        new AttentionKl.Arguments(
            shape(call.tensor("student_scores")), student, teacher, lengths, mask, grad, loss));
  }

  private static AttentionShape shape(Tensor scores) {
    long[] shape = scores.shape();
    if (shape.length != 4) {
      throw new VectorFormatException(
          "the input student_scores is " + scores + ", expected [batch, heads, queries, keys]");
    }
    return new AttentionShape(shape[0], shape[1], shape[2], shape[3]);
  }
}

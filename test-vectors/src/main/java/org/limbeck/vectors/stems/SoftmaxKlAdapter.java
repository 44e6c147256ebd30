// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * softmax_kl: inputs student, teacher or top_ids and top_probabilities, row_weight, column_mask,
 * labels; expects loss, row_loss, grad_student, grad_teacher. Logits that are stored as BF16 are
 * given as such, and gradients have the type of the student's logits.
 */
final class SoftmaxKlAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    SoftmaxKl.Spec spec = spec(call);
    DType logits = spec.logits();
    Matrix student = call.input("student", logits);
    Matrix teacher = call.has("teacher") ? call.input("teacher", stored(call, "teacher")) : null;
    Matrix topIds = call.optional("top_ids", DType.I64);
    Matrix topProbabilities = call.optional("top_probabilities", DType.F32);
    Matrix labels = call.optionalVector("labels", DType.I64);
    long rows = student.rows();
    long cols = student.cols();
    call.run(
        SoftmaxKl.OP,
        spec,
        new SoftmaxKl.Arguments(
            student,
            teacher,
            topIds,
            topProbabilities,
            call.optionalVector("row_weight", DType.F32),
            call.optionalVector("column_mask", DType.U8),
            // Labels of weight 0 are no part of the call.
            spec.hardWeight() == 0 ? null : labels,
            call.optionalOutput("grad_student", logits, rows, cols),
            call.optionalOutput("grad_teacher", logits, rows, cols),
            call.optionalOutput("row_loss", DType.F64, 1, rows),
            call.optionalOutput("loss", DType.F64, 1, 1)));
  }

  private static DType stored(CaseCall call, String logits) {
    return call.tensor(logits).type() == DType.BF16 ? DType.BF16 : DType.F32;
  }

  /** Reads the parameters; those left out have the defaults of the specification. */
  static SoftmaxKl.Spec spec(CaseCall call) {
    SoftmaxKl.Builder builder =
        SoftmaxKl.Spec.builder()
            .mode(call.choice("mode", SoftmaxKl.Mode.class, SoftmaxKl.Mode.FORWARD_KL))
            .teacher(call.choice("teacher", SoftmaxKl.Teacher.class, SoftmaxKl.Teacher.DENSE))
            .temperature(call.number("temperature", 1))
            .beta(call.number("beta", 0.5))
            .alpha(call.number("alpha", 0.1))
            .scale(call.number("scale", 1))
            .softCap(call.number("soft_cap", 0))
            .hardWeight(call.number("hard_weight", 0))
            .softWeight(call.number("soft_weight", 1))
            .labelSmoothing(call.number("label_smoothing", 0))
            .ignoreIndex(call.integer("ignore_index", -100))
            .normaliser(call.normaliser())
            .twoSided(call.bool("two_sided", false))
            .logits(stored(call, "student"));
    if (call.hasParam("teacher_temperature")) {
      builder.teacherTemperature(call.number("teacher_temperature", 1));
    }
    return builder.build();
  }
}

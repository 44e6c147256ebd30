// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * attention_kl: params input, temperature, scale, clamp, causal, tau_squared; inputs
 * student_scores, teacher_scores, lengths, mask; expects loss, grad_student_scores.
 *
 * <p>With input qk: param qk_scale; inputs student_q, student_k, teacher_q, teacher_k, each [batch,
 * heads, length, width]; expects loss, grad_student_q, grad_student_k. The library has no streaming
 * form: the scores are made by attention, each head as an example of its own, and the gradient is
 * sent back through it.
 */
final class AttentionKlAdapter implements StemAdapter {
  private enum Input {
    SCORES,
    QK
  }

  @Override
  public void run(CaseCall call) {
    boolean fromScores = call.choice("input", Input.class, Input.SCORES) == Input.SCORES;
    AttentionKl.Spec spec =
        new AttentionKl.Spec(
            call.number("temperature", 1),
            call.number("scale", 1),
            call.number("clamp", 0),
            call.bool("causal", false),
            call.bool("tau_squared", false));
    // As other options that a mode does not use, it has no effect on scores.
    double qkScale = call.number("qk_scale", Double.NaN);
    if (fromScores) {
      runFromScores(call, spec);
    } else {
      runFromQueriesAndKeys(call, spec, qkScale);
    }
  }

  private static void runFromScores(CaseCall call, AttentionKl.Spec spec) {
    Matrix student = call.input("student_scores", DType.F32);
    Matrix teacher = call.input("teacher_scores", DType.F32);
    Matrix lengths = call.optionalVector("lengths", DType.I32);
    Matrix mask = call.optional("mask", DType.U8);
    Matrix grad =
        call.optionalOutput("grad_student_scores", DType.F32, student.rows(), student.cols());
    Matrix loss = call.optionalOutput("loss", DType.F64, 1, 1);
    List<Long> shape = call.shape("student_scores", 4);
    call.run(
        AttentionKl.OP,
        spec,
        new AttentionKl.Arguments(
            new AttentionShape(shape.get(0), shape.get(1), shape.get(2), shape.get(3)),
            student,
            teacher,
            lengths,
            mask,
            grad,
            loss));
  }

  private static void runFromQueriesAndKeys(CaseCall call, AttentionKl.Spec spec, double qkScale) {
    if (spec.clamp() != 0) {
      throw new InvalidArgumentException(
          "attention_kl", "clamp", spec.clamp(), "none where the input is qk");
    }
    List<Long> querySizes = call.shape("student_q", 4);
    long batch = querySizes.get(0);
    long heads = querySizes.get(1);
    long queries = querySizes.get(2);
    long keys = call.shape("student_k", 4).get(2);
    AttentionShape shape = new AttentionShape(batch * heads, 1, queries, keys);
    Matrix lengths = perHead(call, call.optionalVector("lengths", DType.I32), batch, heads);
    Matrix mask = perHead(call, call.optional("mask", DType.U8), batch, heads);
    Attention.Spec attention =
        new Attention.Spec(
            qkScale, spec.causal(), Attention.Spec.BERT_MASKED_SCORE, GemmF32.Precision.F32);
    Matrix query = call.input("student_q", DType.F32);
    Matrix key = call.input("student_k", DType.F32);
    Matrix maps = call.allocate(DType.F32, shape.rows(), keys);
    Matrix student = scores(call, attention, shape, query, key, lengths, mask, maps);
    Matrix teacher =
        scores(
            call,
            attention,
            shape,
            call.input("teacher_q", DType.F32),
            call.input("teacher_k", DType.F32),
            lengths,
            mask,
            call.allocate(DType.F32, shape.rows(), keys));
    Matrix grad = call.allocate(DType.F32, shape.rows(), keys);
    Matrix loss = call.optionalOutput("loss", DType.F64, 1, 1);
    call.run(
        AttentionKl.OP,
        spec,
        new AttentionKl.Arguments(shape, student, teacher, lengths, mask, grad, loss));
    call.run(
        Attention.WEIGHTS_BACKWARD,
        attention,
        new Attention.WeightsBackward(
            shape,
            query,
            key,
            maps,
            call.allocate(DType.F32, shape.rows(), keys),
            grad,
            call.output("grad_student_q", DType.F32, query.rows(), query.cols()),
            call.output("grad_student_k", DType.F32, key.rows(), key.cols())));
  }

  private static Matrix scores(
      CaseCall call,
      Attention.Spec spec,
      AttentionShape shape,
      Matrix query,
      Matrix key,
      Matrix lengths,
      Matrix mask,
      Matrix maps) {
    Matrix scores = call.allocate(DType.F32, shape.rows(), shape.keys());
    call.run(
        Attention.WEIGHTS,
        spec,
        new Attention.Weights(shape, query, key, lengths, mask, scores, maps));
    return scores;
  }

  /**
   * Returns a matrix with the block of each example once for each of its heads; null stays null.
   */
  private static Matrix perHead(CaseCall call, Matrix perExample, long batch, long heads) {
    if (perExample == null) {
      return null;
    }
    boolean vector = perExample.type() == DType.I32;
    if (vector ? perExample.cols() != batch : perExample.rows() % batch != 0) {
      throw new InvalidArgumentException(
          "attention_kl",
          vector ? "lengths" : "mask",
          perExample,
          "those of " + batch + " examples");
    }
    long rows = vector ? 1 : perExample.rows() / batch;
    long cols = perExample.cols();
    Matrix all =
        vector
            ? call.allocate(DType.I32, 1, batch * heads)
            : call.allocate(perExample.type(), batch * heads * rows, cols);
    for (long b = 0; b < batch; b++) {
      for (long h = 0; h < heads; h++) {
        long target = b * heads + h;
        Matrix from =
            vector ? perExample.columns(b, b + 1) : perExample.rows(b * rows, (b + 1) * rows);
        Matrix to =
            vector ? all.columns(target, target + 1) : all.rows(target * rows, (target + 1) * rows);
        to.copyFrom(from);
      }
    }
    return all;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AttentionKl.Arguments;
import org.limbeck.kernels.op.AttentionKl.Spec;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * attention_kl from scores, reference. Per row, p and q the softmax of student and teacher scores /
 * T over the real keys: loss sum q log(q / p), gradient (p - q) / T. With a clamp e, P = max(p, e)
 * and Q = max(q, e): loss sum Q log(Q / P), gradient (p M - Q u) / T, u = [p > e], M = sum Q u.
 * Mean over real query rows, then over batch and heads.
 *
 * <p>Scores and gradient f32 [batch heads queries, keys], lengths i32 [1, batch], mask u8 [batch
 * queries, keys], any row stride; the gradient may lie over the student scores. Masked scores are
 * not read, their gradient is 0; a row without a real key has loss 0, an example of length 0
 * contributes 0. A teacher score of -infinity contributes 0. NaN, or a softmax without a finite
 * maximum, makes its row NaN, and the loss.
 *
 * <p>All in double. Without a clamp the loss is summed from q (expm1(x) - x), x = log(p / q), terms
 * of one sign whose sum is the same because p and q both sum to 1: a small divergence keeps its
 * digits. One thread. About 4 exps an element; reads two rows three times, writes one.
 */
final class ScalarAttentionKl implements Kernel<Arguments> {
  private final Spec spec;

  ScalarAttentionKl(Spec spec) {
    this.spec = spec;
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    AttentionShape shape = a.shape();
    double factor = spec.scale() / (shape.batch() * shape.heads());
    if (spec.tauSquared()) {
      factor *= spec.temperature() * spec.temperature();
    }
    double total = 0;
    for (long b = 0; b < shape.batch(); b++) {
      long length = a.lengths() == null ? shape.keys() : a.lengths().getInt(0, b);
      boolean lengthsLimitQueries = a.lengths() != null && shape.queries() == shape.keys();
      long realQueries = lengthsLimitQueries ? length : shape.queries();
      for (long h = 0; h < shape.heads(); h++) {
        double sum = 0;
        for (long i = 0; i < shape.queries(); i++) {
          long r = (b * shape.heads() + h) * shape.queries() + i;
          long keys = spec.causal() ? Math.min(length, i + 1) : length;
          sum +=
              row(a, r, b * shape.queries() + i, i < realQueries ? keys : 0, factor / realQueries);
        }
        total += length == 0 ? 0 : sum / realQueries;
      }
    }
    if (a.loss() != null) {
      a.loss().setDouble(0, 0, total * factor);
    }
  }

  /** Writes the gradient of a row and returns its loss, before the factor. */
  private double row(Arguments a, long r, long maskRow, long keys, double factor) {
    double studentLse = logSumExp(a, a.studentScores(), r, maskRow, keys);
    double teacherLse = logSumExp(a, a.teacherScores(), r, maskRow, keys);
    double clamp = spec.clamp();
    double loss = 0;
    double keptMass = clamp == 0 ? 1 : 0;
    for (long j = 0; j < keys; j++) {
      if (isReal(a, maskRow, j)) {
        double logP = scaled(a.studentScores(), r, j) - studentLse;
        double logQ = scaled(a.teacherScores(), r, j) - teacherLse;
        if (clamp == 0) {
          loss += ScalarMath.divergence(logQ, logP);
        } else {
          double p = Math.exp(logP);
          double q = Math.max(Math.exp(logQ), clamp);
          loss += q * (Math.log(q) - Math.log(Math.max(p, clamp)));
          keptMass += p > clamp ? q : 0;
        }
      }
    }
    if (a.gradStudentScores() != null) {
      for (long j = 0; j < a.shape().keys(); j++) {
        double g = 0;
        if (j < keys && isReal(a, maskRow, j)) {
          double p = Math.exp(scaled(a.studentScores(), r, j) - studentLse);
          double q = Math.exp(scaled(a.teacherScores(), r, j) - teacherLse);
          double pull = clamp == 0 ? q : p > clamp ? Math.max(q, clamp) : 0;
          g = (p * keptMass - pull) * factor / spec.temperature();
        }
        a.gradStudentScores().setFloat(r, j, (float) g);
      }
    }
    return loss;
  }

  private double logSumExp(Arguments a, Matrix scores, long r, long maskRow, long keys) {
    double max = Double.NEGATIVE_INFINITY;
    for (long j = 0; j < keys; j++) {
      max = isReal(a, maskRow, j) ? Math.max(max, scaled(scores, r, j)) : max;
    }
    double sum = 0;
    for (long j = 0; j < keys; j++) {
      sum += isReal(a, maskRow, j) ? Math.exp(scaled(scores, r, j) - max) : 0;
    }
    return max + Math.log(sum);
  }

  private double scaled(Matrix scores, long r, long j) {
    return scores.getFloat(r, j) / spec.temperature();
  }

  private static boolean isReal(Arguments a, long maskRow, long j) {
    return a.mask() == null || a.mask().getByte(maskRow, j) != 0;
  }
}

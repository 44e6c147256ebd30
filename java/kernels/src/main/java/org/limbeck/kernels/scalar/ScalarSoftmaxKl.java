// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.SoftmaxKl.Arguments;
import org.limbeck.kernels.op.SoftmaxKl.Mode;
import org.limbeck.kernels.op.SoftmaxKl.Spec;
import org.limbeck.kernels.op.SoftmaxKl.Teacher;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * softmax_kl, reference. Row loss D = sum_i f(p_i, q_i); with h_i = q_i df/dq_i, dD/dz_i = (h_i -
 * q_i sum h) / T; with k_i = p_i df/dp_i, dD/du_i = (k_i - p_i sum k) / Tt. f and h by mode: {@link
 * #term}, {@link #studentPart}. Hard term: - sum t log q1, gradient q1 - t.
 *
 * <p>student, teacher, gradStudent, gradTeacher f32 or bf16 [rows, cols], any row stride; a
 * gradient may lie over its logits. Removed columns have no part in any sum. A top-k teacher is a
 * row that is -infinity off K (RAW, RENORM), a row of k columns (BOTH_RENORM), or one of k + 1
 * classes (TAIL; where K holds every kept column there is no further class). RENORM and BOTH_RENORM
 * without any teacher mass: 0.
 *
 * <p>A softmax without a finite maximum makes its row NaN. All in double, divergences from terms of
 * one sign, one rounding to f32 at the end, for bf16 one more. One thread; three exps an element
 * and pass; reads two rows three times, writes the gradients once.
 */
public final class ScalarSoftmaxKl implements Kernel<Arguments> {
  private final Spec spec;
  private final boolean renormalised;

  // Of the row in progress.
  private Arguments a;
  private long row;
  private double studentLse;
  private double teacherLse;
  private double studentSum;
  private double teacherSum;
  private double tailLogP;
  private double tailLogQ;
  private double hardLse;
  private long kept;
  // One more than the place of a column among the top k; 0 elsewhere.
  private int[] place = new int[0];

  /** Makes the kernel; calls of it, {@link #row} included, must not overlap. */
  public ScalarSoftmaxKl(Spec spec) {
    this.spec = spec;
    renormalised =
        spec.teacher() == Teacher.TOP_K_RENORM || spec.teacher() == Teacher.TOP_K_BOTH_RENORM;
  }

  @Override
  public void run(Arguments arguments, WorkerPool pool) {
    double factor = spec.normaliser().factor(arguments.student().rows(), arguments.rowWeight());
    double sum = 0;
    for (long r = 0; r < arguments.student().rows(); r++) {
      sum += row(arguments, r, factor);
    }
    if (arguments.loss() != null) {
      arguments.loss().setDouble(0, 0, factor == 0 ? 0 : sum * factor);
    }
  }

  /**
   * Does one row, outputs included.
   *
   * @param arguments the arguments of the call
   * @param r the row
   * @param factor 1 / normaliser, or 0
   * @return the row's part of the loss before the normaliser
   */
  public double row(Arguments arguments, long r, double factor) {
    a = arguments;
    row = r;
    markTopK(true);
    long label = spec.hardWeight() == 0 ? -1 : a.labels().getLong(0, r);
    boolean hard = spec.hardWeight() != 0 && label != spec.ignoreIndex();
    float weight = a.rowWeight() == null ? 1 : a.rowWeight().getFloat(0, r);
    boolean soft = weight != 0 && spec.softWeight() != 0 && prepareSoft();
    double divergence = soft ? divergence() : 0;
    double crossEntropy = hard ? crossEntropy(label) : 0;
    double softFactor = spec.softWeight() * spec.scale() * weight;
    for (long c = 0; c < a.student().cols(); c++) {
      boolean live = factor != 0 && unmasked(c);
      double gradStudent = 0;
      double gradTeacher = 0;
      if (live && soft && keeps(c)) {
        gradStudent = softFactor * factor * softGradient(c);
        gradTeacher = a.gradTeacher() == null ? 0 : softFactor * factor * teacherGradient(c);
      }
      if (live && hard) {
        gradStudent += spec.hardWeight() * factor * hardGradient(c, label);
      }
      write(a.gradStudent(), a.student(), c, gradStudent);
      write(a.gradTeacher(), a.teacher(), c, gradTeacher);
    }
    markTopK(false);
    if (a.rowLoss() != null) {
      a.rowLoss()
          .setDouble(0, r, spec.softWeight() * divergence + spec.hardWeight() * crossEntropy);
    }
    return (soft ? softFactor * divergence : 0) + spec.hardWeight() * crossEntropy;
  }

  private void write(Matrix gradient, Matrix logits, long c, double value) {
    if (gradient != null) {
      double slope = value == 0 || spec.softCap() == 0 ? 1 : slope(logit(logits, c));
      float rounded = (float) (value * slope);
      if (spec.logits() == DType.BF16) {
        gradient.setBfloat16(row, c, rounded);
      } else {
        gradient.setFloat(row, c, rounded);
      }
    }
  }

  // Logits and log-probabilities.

  private boolean unmasked(long c) {
    return a.columnMask() == null || a.columnMask().getByte(0, c) != 0;
  }

  /** Whether the column has a part in the divergence. */
  private boolean keeps(long c) {
    return unmasked(c) && (spec.teacher() != Teacher.TOP_K_BOTH_RENORM || inTopK(c));
  }

  private double logit(Matrix logits, long c) {
    return spec.logits() == DType.BF16 ? logits.getBfloat16(row, c) : logits.getFloat(row, c);
  }

  private double capped(Matrix logits, long c) {
    double z = logit(logits, c);
    return spec.softCap() == 0 ? z : spec.softCap() * Math.tanh(z / spec.softCap());
  }

  /** The derivative of the soft cap. */
  private double slope(double z) {
    double tanh = Math.tanh(z / spec.softCap());
    return (1 - tanh) * (1 + tanh);
  }

  private double lse(Matrix logits, double temperature) {
    double max = Double.NEGATIVE_INFINITY;
    for (long c = 0; c < logits.cols(); c++) {
      max = keeps(c) ? Math.max(max, capped(logits, c) / temperature) : max;
    }
    double sum = 0;
    for (long c = 0; c < logits.cols(); c++) {
      sum += keeps(c) ? Math.exp(capped(logits, c) / temperature - max) : 0;
    }
    return max + Math.log(sum);
  }

  private double logQ(long c) {
    return capped(a.student(), c) / spec.temperature() - studentLse;
  }

  private double logP(long c) {
    if (spec.teacher() == Teacher.DENSE) {
      return capped(a.teacher(), c) / spec.teacherTemperature() - teacherLse;
    }
    double p = inTopK(c) ? a.topProbabilities().getFloat(row, place[(int) c] - 1) : 0;
    return Math.log(p) - teacherLse;
  }

  private boolean inTopK(long c) {
    return place[(int) c] > 0;
  }

  private void markTopK(boolean mark) {
    if (spec.teacher() == Teacher.DENSE) {
      return;
    }
    if (place.length < a.student().cols()) {
      place = new int[(int) a.student().cols()];
    }
    for (int i = 0; i < a.topIds().cols(); i++) {
      place[(int) a.topIds().getLong(row, i)] = mark ? i + 1 : 0;
    }
  }

  // The soft term.

  /** Finds the normalisers of both rows; returns whether there is anything to compare. */
  private boolean prepareSoft() {
    double mass = 0;
    kept = 0;
    for (long c = 0; c < a.student().cols(); c++) {
      if (keeps(c)) {
        kept++;
        mass += spec.teacher() == Teacher.DENSE ? 1 : topProbability(c);
      }
    }
    if (kept == 0 || (renormalised && mass == 0)) {
      return false;
    }
    if (spec.mode() != Mode.LOGIT_MSE) {
      studentLse = lse(a.student(), spec.temperature());
      teacherLse =
          spec.teacher() == Teacher.DENSE
              ? lse(a.teacher(), spec.teacherTemperature())
              : renormalised ? Math.log(mass) : 0;
    }
    tailLogP = Math.log(Math.max(0, 1 - mass));
    return true;
  }

  private double topProbability(long c) {
    return inTopK(c) ? a.topProbabilities().getFloat(row, place[(int) c] - 1) : 0;
  }

  private boolean inTail(long c) {
    return spec.teacher() == Teacher.TOP_K_TAIL && !inTopK(c);
  }

  /** Returns D, and leaves the sums of h and k. */
  private double divergence() {
    double sum = 0;
    double tail = 0;
    long tailColumns = 0;
    studentSum = 0;
    teacherSum = 0;
    for (long c = 0; c < a.student().cols(); c++) {
      if (!keeps(c)) {
        continue;
      }
      if (spec.mode() == Mode.LOGIT_MSE) {
        double difference = capped(a.student(), c) - capped(a.teacher(), c);
        sum += difference * difference;
      } else if (inTail(c)) {
        tail += Math.exp(logQ(c));
        tailColumns++;
      } else {
        double logP = logP(c);
        double logQ = logQ(c);
        sum += term(logP, logQ);
        studentSum += studentPart(logP, logQ);
        teacherSum += spec.twoSided() ? teacherPart(logP, logQ) : 0;
      }
    }
    if (tailColumns > 0) {
      tailLogQ = Math.log(tail);
      sum += term(tailLogP, tailLogQ);
      studentSum += studentPart(tailLogP, tailLogQ);
    }
    return sum;
  }

  private double softGradient(long c) {
    if (spec.mode() == Mode.LOGIT_MSE) {
      return 2 * (capped(a.student(), c) - capped(a.teacher(), c));
    }
    double logQ = logQ(c);
    double q = Math.exp(logQ);
    // The classes of a tail share one df/dq: each has its share of the tail's h.
    double part =
        inTail(c)
            ? studentPart(tailLogP, tailLogQ) * Math.exp(logQ - tailLogQ)
            : studentPart(logP(c), logQ);
    return (part - q * studentSum) / spec.temperature();
  }

  private double teacherGradient(long c) {
    double logP = logP(c);
    return (teacherPart(logP, logQ(c)) - Math.exp(logP) * teacherSum) / spec.teacherTemperature();
  }

  private double term(double logP, double logQ) {
    return switch (spec.mode()) {
      case FORWARD_KL ->
          spec.teacher() == Teacher.TOP_K_RAW
              ? -weighted(logP, logQ - logP)
              : ScalarMath.divergence(logP, logQ);
      case REVERSE_KL -> ScalarMath.divergence(logQ, logP);
      case SYMMETRIC_KL ->
          (ScalarMath.divergence(logP, logQ) + ScalarMath.divergence(logQ, logP)) / 2;
      case JS -> {
        double logM = mixture(spec.beta(), logP, logQ);
        yield spec.beta() * ScalarMath.divergence(logP, logM)
            + (1 - spec.beta()) * ScalarMath.divergence(logQ, logM);
      }
      case SKEW_FORWARD_KL -> ScalarMath.divergence(logP, mixture(spec.alpha(), logP, logQ));
      case SKEW_REVERSE_KL -> ScalarMath.divergence(logQ, mixture(1 - spec.alpha(), logP, logQ));
      case SOFT_CE -> -weighted(logP, logQ);
      case TOTAL_VARIATION -> Math.abs(Math.exp(logP) - Math.exp(logQ)) / 2;
      case LOGIT_MSE -> throw new IllegalStateException("LOGIT_MSE has no probabilities");
    };
  }

  /** q df/dq, but for a multiple of q. */
  private double studentPart(double logP, double logQ) {
    double forward = -Math.exp(logP);
    return switch (spec.mode()) {
      case FORWARD_KL, SOFT_CE -> forward;
      case REVERSE_KL -> weighted(logQ, logQ - logP);
      case SYMMETRIC_KL -> (forward + weighted(logQ, logQ - logP)) / 2;
      case JS -> (1 - spec.beta()) * weighted(logQ, logQ - mixture(spec.beta(), logP, logQ));
      case SKEW_FORWARD_KL -> {
        double alpha = spec.alpha();
        double share = Math.exp(logQ - mixture(alpha, logP, logQ));
        yield alpha == 0
            ? forward
            : logQ == Double.NEGATIVE_INFINITY ? 0 : (1 - alpha) * forward * share;
      }
      case SKEW_REVERSE_KL -> {
        double ratio = logQ - mixture(1 - spec.alpha(), logP, logQ);
        yield weighted(logQ, ratio - spec.alpha() * Math.exp(ratio));
      }
      case TOTAL_VARIATION -> {
        double q = Math.exp(logQ);
        yield q * Math.signum(q - Math.exp(logP)) / 2;
      }
      case LOGIT_MSE -> throw new IllegalStateException("LOGIT_MSE has no probabilities");
    };
  }

  /** p df/dp, but for a multiple of p; the modes that have a second side. */
  private double teacherPart(double logP, double logQ) {
    return switch (spec.mode()) {
      case FORWARD_KL -> weighted(logP, logP - logQ);
      case REVERSE_KL -> -Math.exp(logQ);
      case SYMMETRIC_KL -> (weighted(logP, logP - logQ) - Math.exp(logQ)) / 2;
      case JS -> spec.beta() * weighted(logP, logP - mixture(spec.beta(), logP, logQ));
      default -> throw new IllegalStateException(spec.mode() + " has one side");
    };
  }

  /** exp(logA) value, with 0 for probability 0 whatever the value. */
  private static double weighted(double logA, double value) {
    return logA == Double.NEGATIVE_INFINITY ? 0 : Math.exp(logA) * value;
  }

  /** log(weight p + (1 - weight) q), exact in the difference from either where they are close. */
  private static double mixture(double weight, double logP, double logQ) {
    double x = logQ - logP;
    if (Math.abs(x) < 1) {
      return logP + Math.log1p((1 - weight) * Math.expm1(x));
    }
    double first = Math.log(weight) + logP;
    double second = Math.log1p(-weight) + logQ;
    double max = Math.max(first, second);
    return Double.isInfinite(max)
        ? max
        : max + Math.log(Math.exp(first - max) + Math.exp(second - max));
  }

  // The hard term, always over all unmasked columns and at temperature 1.

  private double crossEntropy(long label) {
    Matrix z = a.student();
    double max = Double.NEGATIVE_INFINITY;
    long columns = 0;
    for (long c = 0; c < z.cols(); c++) {
      if (unmasked(c)) {
        max = Math.max(max, capped(z, c));
        columns++;
      }
    }
    double sum = 0;
    for (long c = 0; c < z.cols(); c++) {
      sum += unmasked(c) ? Math.exp(capped(z, c) - max) : 0;
    }
    hardLse = max + Math.log(sum);
    kept = columns;
    double smoothing = spec.labelSmoothing();
    double loss = (1 - smoothing) * (hardLse - capped(z, label));
    for (long c = 0; c < z.cols() && smoothing != 0; c++) {
      loss += unmasked(c) ? smoothing / kept * (hardLse - capped(z, c)) : 0;
    }
    return loss;
  }

  private double hardGradient(long c, long label) {
    double target = (c == label ? 1 - spec.labelSmoothing() : 0) + spec.labelSmoothing() / kept;
    return Math.exp(capped(a.student(), c) - hardLse) - target;
  }
}

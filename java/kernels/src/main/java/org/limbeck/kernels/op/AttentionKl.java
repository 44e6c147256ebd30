// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code attention_kl}: KL(teacher || student) of attention maps, from the scores before the
 * softmax, value and gradient in one call.
 *
 * <p>Per row (example, head, query), with p and q the softmax of student and teacher scores divided
 * by the temperature over the real keys: sum q log(q / p). The mean over the real query rows of an
 * example and head, then the mean over examples and heads, times {@code scale}, times the squared
 * temperature if asked for. Real query rows are those below the example's length; all of them where
 * there are no lengths or queries differ from keys (lengths then limit keys only). An example of
 * length 0 contributes 0 and is counted.
 *
 * <p>Gradient by a student score, without clamp: (p - q) / (T * batch * heads * n), n the number of
 * real query rows. With a clamp e the logarithms are of max(p, e) and max(q, e), and the gradient
 * is (p M - max(q, e) u) / (T * batch * heads * n), u = 1 where p is above e, M the row sum of
 * max(q, e) u.
 *
 * <p>Masked scores (beyond the length, after the query if causal, 0 in the mask) are never read,
 * and their gradient is 0, as is that of rows that are not real. A row without a real key has loss
 * 0.
 *
 * <p>A row whose real scores hold NaN or +infinity, or nothing but -infinity, in student or
 * teacher, has no softmax: its real gradient entries and the loss are NaN, other rows keep their
 * gradients. Beside finite scores -infinity is a probability of 0: of the teacher it contributes 0,
 * of the student alone it makes the loss +infinity unless there is a clamp, with a finite gradient.
 *
 * <p><b>Accuracy.</b> Summed from terms of one sign where there is no clamp; gradients within three
 * times the error of a plain float32 implementation. <b>Determinism.</b> The same bits with any
 * number of threads.
 *
 * <p>Source: Kim et al., EMNLP 2022, arXiv 2211.11014, section 3.2 (attention-map loss).
 */
public final class AttentionKl {
  private static final String STEM = "attention_kl";

  /** The operation. */
  public static final Op<Spec, Arguments> OP = new Op<>(STEM, "", AttentionKl::check);

  private AttentionKl() {}

  /**
   * The options.
   *
   * @param temperature T of both models, finite and above 0
   * @param scale a factor of loss and gradient, finite
   * @param clamp the smallest probability in a logarithm, in [0, 1); 0 means none, 1e-8 is the
   *     paper's
   * @param causal whether a query sees only keys of its own index and below
   * @param tauSquared whether loss and gradient are multiplied by the squared temperature
   */
  public record Spec(
      double temperature, double scale, double clamp, boolean causal, boolean tauSquared) {
    /** Temperature 1, no clamp, no causal mask. */
    public static final Spec DEFAULT = new Spec(1, 1, 0, false, false);

    /** Checks each option. */
    public Spec {
      ArgumentChecks.positive(STEM, "temperature", temperature);
      ArgumentChecks.finite(STEM, "scale", scale);
      ArgumentChecks.fraction(STEM, "clamp", clamp);
    }

    /** Returns this with another temperature. */
    public Spec withTemperature(double value) {
      return new Spec(value, scale, clamp, causal, tauSquared);
    }

    /** Returns this with another factor. */
    public Spec withScale(double value) {
      return new Spec(temperature, value, clamp, causal, tauSquared);
    }

    /** Returns this with another clamp. */
    public Spec withClamp(double value) {
      return new Spec(temperature, scale, value, causal, tauSquared);
    }

    /** Returns this with or without a causal mask. */
    public Spec withCausal(boolean value) {
      return new Spec(temperature, scale, clamp, value, tauSquared);
    }

    /** Returns this with or without the factor of the squared temperature. */
    public Spec withTauSquared(boolean value) {
      return new Spec(temperature, scale, clamp, causal, value);
    }
  }

  /**
   * Arguments of a call.
   *
   * @param shape batch, heads, queries and keys
   * @param studentScores F32 [batch * heads * queries, keys]
   * @param teacherScores F32 [batch * heads * queries, keys]
   * @param lengths the number of real keys of each example, I32 [1, batch], or null for all
   * @param mask U8 [batch * queries, keys], not 0 keeps an entry, for all heads; or null for all
   * @param gradStudentScores F32 [batch * heads * queries, keys], written; {@code studentScores}
   *     itself or separate memory; or null
   * @param loss F64 [1, 1], written, or null
   */
  public record Arguments(
      AttentionShape shape,
      Matrix studentScores,
      Matrix teacherScores,
      Matrix lengths,
      Matrix mask,
      Matrix gradStudentScores,
      Matrix loss) {
    /** Checks that the shape is there. */
    public Arguments {
      Objects.requireNonNull(shape, "shape");
    }
  }

  private static void check(Spec spec, Arguments a, ArgumentChecks checks) {
    long rows = a.shape().rows();
    long keys = a.shape().keys();
    checks.matrix("studentScores", a.studentScores(), DType.F32, rows, keys);
    checks.matrix("teacherScores", a.teacherScores(), DType.F32, rows, keys);
    a.shape().checkMasks(checks, a.lengths(), a.mask());
    checks.optional("gradStudentScores", a.gradStudentScores(), DType.F32, rows, keys);
    checks.optional("loss", a.loss(), DType.F64, 1, 1);
    checks.disjointOrSame(
        "gradStudentScores", a.gradStudentScores(), "studentScores", a.studentScores());
    checks.disjoint("gradStudentScores", a.gradStudentScores(), "teacherScores", a.teacherScores());
    checks.disjoint("gradStudentScores", a.gradStudentScores(), "lengths", a.lengths());
    checks.disjoint("gradStudentScores", a.gradStudentScores(), "mask", a.mask());
    checks.disjoint("loss", a.loss(), "studentScores", a.studentScores());
    checks.disjoint("loss", a.loss(), "teacherScores", a.teacherScores());
    checks.disjoint("loss", a.loss(), "gradStudentScores", a.gradStudentScores());
    checks.disjoint("loss", a.loss(), "lengths", a.lengths());
    checks.disjoint("loss", a.loss(), "mask", a.mask());
  }
}

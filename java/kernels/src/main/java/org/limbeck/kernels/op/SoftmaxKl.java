// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code softmax_kl}: the divergence of two rows of logits under temperature-softmax, value
 * and gradient in one call.
 *
 * <p>With student logits z, teacher logits u, q = softmax(z / T) and p = softmax(u / Tt), the row
 * loss is {@code softWeight * scale * rowWeight * D(p, q) + hardWeight * CE(label, softmax(z))};
 * the loss is the sum of the rows divided by the {@link Normaliser}. T^2 is never implied: Hinton's
 * factor is {@code scale(T * T)}. Divergences and gradients are those of the catalogue in {@link
 * Mode}.
 *
 * <p><b>Options.</b> A soft cap c maps every logit z to c * tanh(z / c) before the temperature, for
 * student and teacher, gradient included. A column mask removes columns from both rows: their
 * content is not read and their gradient is 0. A row of weight 0 is not read, unless a label counts
 * for it; a row without a kept column has loss 0 and gradient 0. An ignored label drops the hard
 * term only. Label smoothing e spreads e / V over all V kept columns, the label's included; the
 * hard term always has temperature 1.
 *
 * <p><b>Special values.</b> A teacher logit of -infinity contributes 0 to the forward divergence. A
 * teacher probability of 0 under the reverse one gives +infinity. NaN spreads to its own row and to
 * the loss.
 *
 * <p><b>Types.</b> Logits and their gradients are F32 or BF16, as {@link Spec#logits} says. BF16
 * changes nothing between reading and writing: results are those for the same logits as F32, which
 * holds every one of them, and each gradient is rounded once, to nearest even.
 *
 * <p><b>Accuracy.</b> The loss is summed from terms of one sign, pT * (expm1(x) - x), x = log pS -
 * log pT, so that small divergences keep their digits; gradients are within three times the error
 * of a plain float32 implementation. With BF16 the losses are as accurate, and gradients have half
 * a unit in the last place of bfloat16, 2^-8 relative, beside that. <b>Determinism.</b> The same
 * bits with any number of threads.
 *
 * <p>Source: Hinton, Vinyals and Dean, arXiv 1503.02531, for temperature; Lin 1991 for
 * Jensen-Shannon; Ko et al., arXiv 2402.03898, for the skewed forms; Liang et al., arXiv
 * 2106.14448, for the two-sided mode. The gradients follow from dL/dz_i = q_i (g_i - sum_j q_j g_j)
 * / T with g = dL/dq.
 */
public final class SoftmaxKl {
  private static final String STEM = "softmax_kl";

  /** The operation. */
  public static final Op<Spec, Arguments> OP = new Op<>(STEM, "", SoftmaxKl::check);

  private SoftmaxKl() {}

  /** The divergences. Teacher row p, student row q, natural logarithms, 0 log 0 = 0. */
  public enum Mode {
    /** KL(p || q) = sum p log(p / q); gradient (q - p) / T. */
    FORWARD_KL,
    /** KL(q || p); gradient q (log(q / p) - KL(q || p)) / T. */
    REVERSE_KL,
    /** The mean of both directions. */
    SYMMETRIC_KL,
    /** beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q. */
    JS,
    /** KL(p || m), m = alpha p + (1 - alpha) q. */
    SKEW_FORWARD_KL,
    /** KL(q || m), m = (1 - alpha) p + alpha q. */
    SKEW_REVERSE_KL,
    /** - sum p log q: the forward divergence plus the teacher's entropy, with the same gradient. */
    SOFT_CE,
    /** Half the sum of |p - q|; the sign of 0 is 0. */
    TOTAL_VARIATION,
    /** The sum of (z - u)^2 over the columns, whatever the temperatures. */
    LOGIT_MSE
  }

  /**
   * How the teacher's row is given. With top-k teachers the row is known on k columns K only, with
   * probabilities p_i; P is their sum and Q the student's sum over K. q is the student's softmax
   * over all kept columns.
   */
  public enum Teacher {
    /** Logits for all columns. */
    DENSE,
    /** sum over K of p log(p / q), nothing for the rest; gradient (P q_i - [i in K] p_i) / T. */
    TOP_K_RAW,
    /** p / P on K against the full student row. */
    TOP_K_RENORM,
    /** One more class holds the rest: 1 - P against 1 - Q. */
    TOP_K_TAIL,
    /** p / P against q / Q, both on K only. */
    TOP_K_BOTH_RENORM
  }

  /**
   * The options; {@link #builder} starts from the defaults.
   *
   * @param mode the divergence
   * @param teacher how the teacher's row is given
   * @param temperature T of the student, finite and above 0
   * @param teacherTemperature Tt of the teacher, finite and above 0
   * @param beta the weight of the teacher in {@link Mode#JS}, in (0, 1)
   * @param alpha the skew of the skewed modes, in [0, 1)
   * @param scale a factor of the soft term, finite
   * @param softCap the bound c of the logits, above 0; 0 means none
   * @param hardWeight the factor of the hard term, finite; not 0 asks for labels
   * @param softWeight the factor of the soft term, finite
   * @param labelSmoothing e, in [0, 1)
   * @param ignoreIndex the label that drops the hard term
   * @param normaliser what the sum is divided by
   * @param twoSided whether the teacher's logits get a gradient too
   * @param logits the type of logits and of their gradients, F32 or BF16
   */
  public record Spec(
      Mode mode,
      Teacher teacher,
      double temperature,
      double teacherTemperature,
      double beta,
      double alpha,
      double scale,
      double softCap,
      double hardWeight,
      double softWeight,
      double labelSmoothing,
      long ignoreIndex,
      Normaliser normaliser,
      boolean twoSided,
      DType logits) {
    /** Checks each option and their combination. */
    public Spec {
      Objects.requireNonNull(mode, "mode");
      Objects.requireNonNull(teacher, "teacher");
      Objects.requireNonNull(normaliser, "normaliser");
      Objects.requireNonNull(logits, "logits");
      if (logits != DType.F32 && logits != DType.BF16) {
        throw new InvalidArgumentException(STEM, "logits", logits, "F32 or BF16");
      }
      ArgumentChecks.positive(STEM, "temperature", temperature);
      ArgumentChecks.positive(STEM, "teacherTemperature", teacherTemperature);
      if (!(beta > 0 && beta < 1)) {
        throw new InvalidArgumentException(STEM, "beta", beta, "a number above 0 and below 1");
      }
      ArgumentChecks.fraction(STEM, "alpha", alpha);
      ArgumentChecks.finite(STEM, "scale", scale);
      ArgumentChecks.notNegative(STEM, "softCap", softCap);
      ArgumentChecks.finite(STEM, "hardWeight", hardWeight);
      ArgumentChecks.finite(STEM, "softWeight", softWeight);
      ArgumentChecks.fraction(STEM, "labelSmoothing", labelSmoothing);
      if (twoSided) {
        boolean offered =
            switch (mode) {
              case FORWARD_KL, REVERSE_KL, SYMMETRIC_KL, JS -> true;
              default -> false;
            };
        if (!offered || teacher != Teacher.DENSE || hardWeight != 0) {
          throw new InvalidArgumentException(
              STEM,
              "twoSided",
              mode + " with a " + teacher + " teacher and hardWeight " + hardWeight,
              "FORWARD_KL, REVERSE_KL, SYMMETRIC_KL or JS, a dense teacher and no labels");
        }
      }
      if (teacher != Teacher.DENSE) {
        boolean offered =
            mode == Mode.FORWARD_KL
                || (teacher == Teacher.TOP_K_TAIL && (mode == Mode.REVERSE_KL || mode == Mode.JS));
        if (!offered) {
          throw new InvalidArgumentException(
              STEM,
              "teacher",
              teacher + " with " + mode,
              "FORWARD_KL, or TOP_K_TAIL with REVERSE_KL or JS");
        }
      }
    }

    /** Returns a builder that holds the defaults: forward KL at temperature 1, summed. */
    public static Builder builder() {
      return new Builder();
    }
  }

  /** Builds a {@link Spec}; each method sets the component of its name. */
  public static final class Builder {
    private Mode mode = Mode.FORWARD_KL;
    private Teacher teacher = Teacher.DENSE;
    private double temperature = 1;
    private double teacherTemperature = Double.NaN;
    private double beta = 0.5;
    private double alpha = 0.1;
    private double scale = 1;
    private double softCap;
    private double hardWeight;
    private double softWeight = 1;
    private double labelSmoothing;
    private long ignoreIndex = -100;
    private Normaliser normaliser = Normaliser.SUM;
    private boolean twoSided;
    private DType logits = DType.F32;
    private boolean teacherTemperatureGiven;

    private Builder() {}

    /** Sets the divergence; {@link Mode#FORWARD_KL} by default. */
    public Builder mode(Mode value) {
      mode = value;
      return this;
    }

    /** Sets how the teacher is given; {@link Teacher#DENSE} by default. */
    public Builder teacher(Teacher value) {
      teacher = value;
      return this;
    }

    /** Sets the temperature of the student, and of the teacher unless that is set too. */
    public Builder temperature(double value) {
      temperature = value;
      return this;
    }

    /** Sets the temperature of the teacher; the student's by default. */
    public Builder teacherTemperature(double value) {
      teacherTemperature = value;
      teacherTemperatureGiven = true;
      return this;
    }

    /** Sets the weight of the teacher in Jensen-Shannon; 0.5 by default. */
    public Builder beta(double value) {
      beta = value;
      return this;
    }

    /** Sets the skew; 0.1 by default. */
    public Builder alpha(double value) {
      alpha = value;
      return this;
    }

    /** Sets the factor of the soft term; 1 by default. */
    public Builder scale(double value) {
      scale = value;
      return this;
    }

    /** Sets the bound of the logits; none by default. */
    public Builder softCap(double value) {
      softCap = value;
      return this;
    }

    /** Sets the weight of the hard term; 0 by default. */
    public Builder hardWeight(double value) {
      hardWeight = value;
      return this;
    }

    /** Sets the weight of the soft term; 1 by default. */
    public Builder softWeight(double value) {
      softWeight = value;
      return this;
    }

    /** Sets the label smoothing; 0 by default. */
    public Builder labelSmoothing(double value) {
      labelSmoothing = value;
      return this;
    }

    /** Sets the label that drops the hard term; -100 by default. */
    public Builder ignoreIndex(long value) {
      ignoreIndex = value;
      return this;
    }

    /** Sets the normaliser; {@link Normaliser#SUM} by default. */
    public Builder normaliser(Normaliser value) {
      normaliser = value;
      return this;
    }

    /** Sets whether the teacher gets a gradient too; it does not by default. */
    public Builder twoSided(boolean value) {
      twoSided = value;
      return this;
    }

    /** Sets the type of logits and gradients; {@link DType#F32} by default. */
    public Builder logits(DType value) {
      logits = value;
      return this;
    }

    /**
     * Returns the specification.
     *
     * @throws InvalidArgumentException if an option is out of range
     */
    public Spec build() {
      return new Spec(
          mode,
          teacher,
          temperature,
          teacherTemperatureGiven ? teacherTemperature : temperature,
          beta,
          alpha,
          scale,
          softCap,
          hardWeight,
          softWeight,
          labelSmoothing,
          ignoreIndex,
          normaliser,
          twoSided,
          logits);
    }
  }

  /**
   * Arguments of a call; {@link #of} and {@link #topK} start a builder. What is null is not given
   * or not wanted.
   *
   * @param student student logits z, F32 or BF16 [rows, cols], like all logits and their gradients
   * @param teacher teacher logits u, [rows, cols]; null with a top-k teacher
   * @param topIds columns K of a top-k teacher, I64 [rows, k], different within a row
   * @param topProbabilities probabilities on K, F32 [rows, k], in [0, 1], after the teacher's
   *     temperature; a row sums to at most 1
   * @param rowWeight F32 [1, rows], finite and at least 0, or null for 1
   * @param columnMask U8 [1, cols], not 0 keeps a column, or null for all
   * @param labels I64 [1, rows]; given exactly if the hard weight is not 0
   * @param gradStudent gradient by z, [rows, cols], written; {@code student} itself or separate
   *     memory
   * @param gradTeacher gradient by u in two-sided mode, [rows, cols], written; {@code teacher}
   *     itself or separate memory
   * @param rowLoss losses before row weight, scale and normaliser, F64 [1, rows], written
   * @param loss F64 [1, 1], written
   */
  public record Arguments(
      Matrix student,
      Matrix teacher,
      Matrix topIds,
      Matrix topProbabilities,
      Matrix rowWeight,
      Matrix columnMask,
      Matrix labels,
      Matrix gradStudent,
      Matrix gradTeacher,
      Matrix rowLoss,
      Matrix loss) {

    /** Starts the arguments of a call with a dense teacher. */
    public static ArgumentsBuilder of(Matrix student, Matrix teacher) {
      return new ArgumentsBuilder(student, teacher, null, null);
    }

    /** Starts the arguments of a call with a top-k teacher. */
    public static ArgumentsBuilder topK(Matrix student, Matrix topIds, Matrix topProbabilities) {
      return new ArgumentsBuilder(student, null, topIds, topProbabilities);
    }
  }

  /** Builds {@link Arguments}; each method sets the component of its name. */
  public static final class ArgumentsBuilder {
    private final Matrix student;
    private final Matrix teacher;
    private final Matrix topIds;
    private final Matrix topProbabilities;
    private Matrix rowWeight;
    private Matrix columnMask;
    private Matrix labels;
    private Matrix gradStudent;
    private Matrix gradTeacher;
    private Matrix rowLoss;
    private Matrix loss;

    private ArgumentsBuilder(
        Matrix student, Matrix teacher, Matrix topIds, Matrix topProbabilities) {
      this.student = student;
      this.teacher = teacher;
      this.topIds = topIds;
      this.topProbabilities = topProbabilities;
    }

    /** Sets the row weights. */
    public ArgumentsBuilder rowWeight(Matrix value) {
      rowWeight = value;
      return this;
    }

    /** Sets the column mask. */
    public ArgumentsBuilder columnMask(Matrix value) {
      columnMask = value;
      return this;
    }

    /** Sets the labels. */
    public ArgumentsBuilder labels(Matrix value) {
      labels = value;
      return this;
    }

    /** Asks for the gradient by the student's logits. */
    public ArgumentsBuilder gradStudent(Matrix value) {
      gradStudent = value;
      return this;
    }

    /** Asks for the gradient by the teacher's logits. */
    public ArgumentsBuilder gradTeacher(Matrix value) {
      gradTeacher = value;
      return this;
    }

    /** Asks for the row losses. */
    public ArgumentsBuilder rowLoss(Matrix value) {
      rowLoss = value;
      return this;
    }

    /** Asks for the loss. */
    public ArgumentsBuilder loss(Matrix value) {
      loss = value;
      return this;
    }

    /** Returns the arguments. */
    public Arguments build() {
      return new Arguments(
          student,
          teacher,
          topIds,
          topProbabilities,
          rowWeight,
          columnMask,
          labels,
          gradStudent,
          gradTeacher,
          rowLoss,
          loss);
    }
  }

  private static void check(Spec spec, Arguments a, ArgumentChecks checks) {
    checks.present("student", a.student(), spec.logits());
    long rows = a.student().rows();
    long cols = a.student().cols();
    checkTeacher(spec, a, checks, rows, cols);
    checks.optionalVector("rowWeight", a.rowWeight(), DType.F32, rows);
    checks.rowWeights("rowWeight", a.rowWeight());
    checks.optionalVector("columnMask", a.columnMask(), DType.U8, cols);
    if (spec.hardWeight() != 0) {
      checks.vector("labels", a.labels(), DType.I64, rows);
      checks.indices("labels", a.labels(), cols, spec.ignoreIndex());
      checkLabelsKept(spec, a, checks);
    } else {
      checks.that(a.labels() == null, "labels", a.labels(), "null, as hardWeight is 0");
    }
    checks.optional("gradStudent", a.gradStudent(), spec.logits(), rows, cols);
    checks.optional("gradTeacher", a.gradTeacher(), spec.logits(), rows, cols);
    checks.that(
        spec.twoSided() || a.gradTeacher() == null,
        "gradTeacher",
        a.gradTeacher(),
        "null, as the specification is not two-sided");
    checks.optionalVector("rowLoss", a.rowLoss(), DType.F64, rows);
    checks.optional("loss", a.loss(), DType.F64, 1, 1);
    checkOverlap(a, checks);
  }

  private static void checkTeacher(
      Spec spec, Arguments a, ArgumentChecks checks, long rows, long cols) {
    if (spec.teacher() == Teacher.DENSE) {
      checks.matrix("teacher", a.teacher(), spec.logits(), rows, cols);
      checks.that(a.topIds() == null, "topIds", a.topIds(), "null with a dense teacher");
      checks.that(
          a.topProbabilities() == null,
          "topProbabilities",
          a.topProbabilities(),
          "null with a dense teacher");
      return;
    }
    checks.that(a.teacher() == null, "teacher", a.teacher(), "null with a top-k teacher");
    checks.present("topIds", a.topIds(), DType.I64);
    long k = a.topIds().cols();
    checks.matrix("topIds", a.topIds(), DType.I64, rows, k);
    if (k > cols) {
      throw checks.fail("topIds", a.topIds(), "at most " + cols + " columns, one for each class");
    }
    checks.matrix("topProbabilities", a.topProbabilities(), DType.F32, rows, k);
    checks.distributions("topProbabilities", a.topIds(), a.topProbabilities(), cols);
  }

  private static void checkLabelsKept(Spec spec, Arguments a, ArgumentChecks checks) {
    if (a.columnMask() == null || !checks.onHost()) {
      return;
    }
    for (long r = 0; r < a.labels().cols(); r++) {
      long label = a.labels().getLong(0, r);
      if (label != spec.ignoreIndex() && a.columnMask().getByte(0, label) == 0) {
        throw checks.fail("labels", label + " at position " + r, "a column that the mask keeps");
      }
    }
  }

  private static void checkOverlap(Arguments a, ArgumentChecks checks) {
    checks.disjointOrSame("gradStudent", a.gradStudent(), "student", a.student());
    checks.disjoint("gradStudent", a.gradStudent(), "teacher", a.teacher());
    checks.disjointOrSame("gradTeacher", a.gradTeacher(), "teacher", a.teacher());
    checks.disjoint("gradTeacher", a.gradTeacher(), "student", a.student());
    checks.disjoint("gradTeacher", a.gradTeacher(), "gradStudent", a.gradStudent());
    checkOutput("gradStudent", a.gradStudent(), a, checks);
    checkOutput("gradTeacher", a.gradTeacher(), a, checks);
    checkOutput("rowLoss", a.rowLoss(), a, checks);
    checkOutput("loss", a.loss(), a, checks);
    checkSmall("rowLoss", a.rowLoss(), a, checks);
    checkSmall("loss", a.loss(), a, checks);
    checks.disjoint("rowLoss", a.rowLoss(), "loss", a.loss());
  }

  private static void checkOutput(String name, Matrix output, Arguments a, ArgumentChecks checks) {
    checks.disjoint(name, output, "rowWeight", a.rowWeight());
    checks.disjoint(name, output, "columnMask", a.columnMask());
    checks.disjoint(name, output, "labels", a.labels());
    checks.disjoint(name, output, "topIds", a.topIds());
    checks.disjoint(name, output, "topProbabilities", a.topProbabilities());
  }

  private static void checkSmall(String name, Matrix output, Arguments a, ArgumentChecks checks) {
    checks.disjoint(name, output, "student", a.student());
    checks.disjoint(name, output, "teacher", a.teacher());
    checks.disjoint(name, output, "gradStudent", a.gradStudent());
    checks.disjoint(name, output, "gradTeacher", a.gradTeacher());
  }
}

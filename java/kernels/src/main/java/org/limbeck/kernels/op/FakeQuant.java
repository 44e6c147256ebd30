// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code fake_quant}: quantizes and dequantizes in one step, with the straight-through
 * gradient that quantization-aware training uses.
 *
 * <p>First x' = clip(x, -clip, clip) where a clip is given. Statistics are per group (tensor, row
 * or block) and recomputed at each call. Rounding is half to even. With Qp = 2^(bits - 1) - 1:
 *
 * <ul>
 *   <li>{@link Scheme#TERNARY_TWN}: D = 0.7 * mean |x'|; alpha = mean of those |x'| above D; y =
 *       alpha, 0 or -alpha, codes 1, 0, -1 by x' &gt; D, otherwise, x' &lt; -D (strict).
 *   <li>{@link Scheme#UNIFORM_SYMMETRIC}: s = Qp / max |x'|; code = round(x' * s); y = code / s.
 *   <li>{@link Scheme#UNIFORM_MINMAX}: m = min x', a = max x' - m + 1e-8; code = round((x' - m) / a
 *       * (2^bits - 1)); y = code / (2^bits - 1) * a + m; codes are unsigned.
 *   <li>{@link Scheme#LSQ}: a learned step s, one per tensor; code = round(clamp(x / s, -2^(bits -
 *       1), Qp)); y = code * s. Gradient passes where x / s lies in the range; gradStep = 1 /
 *       sqrt(N * Qp) times the sum of gradY * (the bound that clips x / s, else code - x / s).
 *   <li>{@link Scheme#MIDRISE2}: c = 2 * mean |x'|; levels -c, -c/3, c/3, c, codes 0 to 3; a tie at
 *       0 goes up.
 *   <li>{@link Scheme#SIGN}: y = sign(x') * mean |x'|; codes 1 and -1; the sign of 0 is +1.
 * </ul>
 *
 * <p><b>Gradient.</b> {@link Ste#CLIPPED}: gradX = gradY where -clip &lt; x &lt; clip (strict), 0
 * elsewhere; without a clip it passes everywhere; {@code MIDRISE2} passes where |x| &lt; c besides.
 * {@link Ste#PLAIN}: gradX = gradY. Statistics get no gradient.
 *
 * <p><b>Special values.</b> Groups of zeros give zeros (codes 0; {@code SIGN} and {@code MIDRISE2}
 * codes of +0) and scale 0, never NaN. Infinities are clipped where there is a clip. A NaN makes
 * its whole group NaN, scale included; its codes are 0.
 *
 * <p><b>Accuracy.</b> Codes are exact for the formulas above in float32 with means in double, y
 * within 2 ulp. <b>Determinism.</b> The same bits with any number of threads.
 *
 * <p>Source: Li and Liu, arXiv 1605.04711 (TWN); Zhang et al., arXiv 2009.12812 (TernaryBERT);
 * Esser et al., arXiv 1902.08153 (LSQ).
 */
public final class FakeQuant {
  private static final String STEM = "fake_quant";

  /** The forward operation. */
  public static final Op<Spec, Forward> FORWARD = new Op<>(STEM, "forward", FakeQuant::check);

  /** The backward operation. */
  public static final Op<Spec, Backward> BACKWARD = new Op<>(STEM, "backward", FakeQuant::check);

  private FakeQuant() {}

  /** The quantizers; formulas at {@link FakeQuant}. */
  public enum Scheme {
    /** Ternary weights by threshold. */
    TERNARY_TWN,
    /** Symmetric uniform levels by the largest magnitude. */
    UNIFORM_SYMMETRIC,
    /** Uniform levels between the smallest and the largest value. */
    UNIFORM_MINMAX,
    /** Uniform levels with a learned step. */
    LSQ,
    /** Four levels around 0 without 0 itself. */
    MIDRISE2,
    /** Two levels. */
    SIGN;

    /** Returns the type of the codes. */
    public DType codeType() {
      return this == UNIFORM_MINMAX || this == MIDRISE2 ? DType.U8 : DType.I8;
    }
  }

  /** Which gradient the straight-through estimator passes. */
  public enum Ste {
    /** That of elements inside the clip. */
    CLIPPED,
    /** That of all elements. */
    PLAIN
  }

  /**
   * Which elements share statistics: blocks of {@code rows} by {@code cols} elements, 0 standing
   * for all of that dimension. Groups are numbered row-major.
   *
   * @param rows the rows of a group, or 0 for all
   * @param cols the columns of a group, or 0 for all
   */
  public record Group(long rows, long cols) {
    /** The whole tensor. */
    public static final Group TENSOR = new Group(0, 0);

    /** Each row: an output channel of a weight, a token of activations, a word of an embedding. */
    public static final Group ROW = new Group(1, 0);

    /** Checks the sizes. */
    public Group {
      if (rows < 0 || cols < 0) {
        throw new InvalidArgumentException(
            STEM, "group", rows + " x " + cols, "sizes of at least 0");
      }
    }

    /**
     * Groups the block of one example and head, in a matrix whose rows are the positions of all
     * examples and whose columns hold the heads side by side.
     *
     * @param positions the number of positions of an example
     * @param width the width of a head
     */
    public static Group head(long positions, long width) {
      return new Group(positions, width);
    }

    /** Returns the rows of a group in a matrix of {@code matrixRows} rows. */
    public long rowsIn(long matrixRows) {
      return rows == 0 ? matrixRows : rows;
    }

    /** Returns the columns of a group in a matrix of {@code matrixCols} columns. */
    public long colsIn(long matrixCols) {
      return cols == 0 ? matrixCols : cols;
    }

    /** Returns the number of groups in a matrix. */
    public long count(long matrixRows, long matrixCols) {
      return matrixRows / rowsIn(matrixRows) * (matrixCols / colsIn(matrixCols));
    }
  }

  /**
   * The options.
   *
   * @param scheme the quantizer
   * @param bits 2 to 8 for the uniform schemes and LSQ; ignored by the others
   * @param group which elements share statistics; {@link Group#TENSOR} for LSQ
   * @param clip the bound of x', above 0; infinity means none
   * @param ste which gradient passes
   */
  public record Spec(Scheme scheme, int bits, Group group, float clip, Ste ste) {
    /** Checks each option and their combination. */
    public Spec {
      Objects.requireNonNull(scheme, "scheme");
      Objects.requireNonNull(group, "group");
      Objects.requireNonNull(ste, "ste");
      if (bits < 2 || bits > 8) {
        throw new InvalidArgumentException(STEM, "bits", bits, "2 to 8");
      }
      if (!(clip > 0)) {
        throw new InvalidArgumentException(STEM, "clip", clip, "a number above 0");
      }
      if (scheme == Scheme.LSQ && !group.equals(Group.TENSOR)) {
        throw new InvalidArgumentException(STEM, "group", group, "TENSOR for LSQ");
      }
      if (scheme == Scheme.LSQ && clip != Float.POSITIVE_INFINITY) {
        throw new InvalidArgumentException(STEM, "clip", clip, "none for LSQ");
      }
    }

    /** Returns ternary weights over a group with a clip, straight-through inside it. */
    public static Spec ternary(Group group, float clip) {
      return new Spec(Scheme.TERNARY_TWN, 2, group, clip, Ste.CLIPPED);
    }

    /** Returns symmetric uniform levels over a group with a clip, straight-through inside it. */
    public static Spec symmetric(int bits, Group group, float clip) {
      return new Spec(Scheme.UNIFORM_SYMMETRIC, bits, group, clip, Ste.CLIPPED);
    }
  }

  /**
   * Arguments of the forward operation. What is null is not wanted.
   *
   * @param x values, F32 [rows, cols]
   * @param step the step of LSQ, F32 [1, 1], above 0; null for the other schemes
   * @param y quantized values, F32 [rows, cols], written; {@code x} itself or separate memory; or
   *     null
   * @param codes codes, I8 or U8 by {@link Scheme#codeType} [rows, cols], written, or null
   * @param scale what turns codes into values, F32 [1, groups], written, or null: alpha for ternary
   *     and sign, the step for the uniform schemes and LSQ, c for midrise
   * @param zero the value of code 0 of the min-max scheme, F32 [1, groups], written, or null
   */
  public record Forward(Matrix x, Matrix step, Matrix y, Matrix codes, Matrix scale, Matrix zero) {
    /** Returns arguments that ask for the quantized values alone. */
    public static Forward of(Matrix x, Matrix y) {
      return new Forward(x, null, y, null, null, null);
    }
  }

  /**
   * Arguments of the backward operation.
   *
   * @param x values of the forward operation, F32 [rows, cols]
   * @param step the step of LSQ, F32 [1, 1], above 0; null for the other schemes
   * @param scale the scale that the forward operation wrote, F32 [1, groups], for the clipped
   *     gradient of midrise; may be null for the other schemes
   * @param gradY gradient of the loss by y, F32 [rows, cols]
   * @param gradX gradient of the loss by x, F32 [rows, cols], written; {@code gradY} itself or
   *     separate memory
   * @param gradStep gradient of the loss by the step of LSQ, F32 [1, 1], added to; null for the
   *     others
   */
  public record Backward(
      Matrix x, Matrix step, Matrix scale, Matrix gradY, Matrix gradX, Matrix gradStep) {
    /** Returns arguments of the schemes that need the values alone. */
    public static Backward of(Matrix x, Matrix gradY, Matrix gradX) {
      return new Backward(x, null, null, gradY, gradX, null);
    }
  }

  private static long groups(Spec spec, Matrix x, ArgumentChecks checks) {
    long groupRows = spec.group().rowsIn(x.rows());
    long groupCols = spec.group().colsIn(x.cols());
    if (x.rows() % groupRows != 0 || x.cols() % groupCols != 0) {
      throw checks.fail(
          "x", x, "a shape that blocks of " + groupRows + " x " + groupCols + " divide");
    }
    return spec.group().count(x.rows(), x.cols());
  }

  private static void checkStep(Spec spec, Matrix step, ArgumentChecks checks) {
    if (spec.scheme() != Scheme.LSQ) {
      checks.that(step == null, "step", step, "null, as only LSQ has one");
      return;
    }
    checks.matrix("step", step, DType.F32, 1, 1);
    if (checks.onHost()) {
      float value = step.getFloat(0, 0);
      if (!(value > 0) || Float.isInfinite(value)) {
        // Not by checks.that, which would make an object of the value in every call.
        throw checks.fail("step", value, "a finite number above 0");
      }
    }
  }

  private static void check(Spec spec, Forward a, ArgumentChecks checks) {
    checks.present("x", a.x(), DType.F32);
    long rows = a.x().rows();
    long cols = a.x().cols();
    long groups = groups(spec, a.x(), checks);
    checkStep(spec, a.step(), checks);
    checks.optional("y", a.y(), DType.F32, rows, cols);
    checks.optional("codes", a.codes(), spec.scheme().codeType(), rows, cols);
    checks.optionalVector("scale", a.scale(), DType.F32, groups);
    checks.optionalVector("zero", a.zero(), DType.F32, groups);
    checks.that(
        a.zero() == null || spec.scheme() == Scheme.UNIFORM_MINMAX,
        "zero",
        a.zero(),
        "null, as only the min-max scheme has one");
    checks.disjointOrSame("y", a.y(), "x", a.x());
    checks.disjoint("y", a.y(), "step", a.step());
    checks.disjoint("codes", a.codes(), "x", a.x());
    checks.disjoint("codes", a.codes(), "y", a.y());
    checks.disjoint("scale", a.scale(), "x", a.x());
    checks.disjoint("scale", a.scale(), "y", a.y());
    checks.disjoint("scale", a.scale(), "codes", a.codes());
    checks.disjoint("zero", a.zero(), "x", a.x());
    checks.disjoint("zero", a.zero(), "y", a.y());
    checks.disjoint("zero", a.zero(), "codes", a.codes());
    checks.disjoint("zero", a.zero(), "scale", a.scale());
  }

  private static void check(Spec spec, Backward a, ArgumentChecks checks) {
    checks.present("x", a.x(), DType.F32);
    long rows = a.x().rows();
    long cols = a.x().cols();
    long groups = groups(spec, a.x(), checks);
    checkStep(spec, a.step(), checks);
    if (spec.scheme() == Scheme.MIDRISE2 && spec.ste() == Ste.CLIPPED) {
      checks.vector("scale", a.scale(), DType.F32, groups);
    } else {
      checks.optionalVector("scale", a.scale(), DType.F32, groups);
    }
    checks.matrix("gradY", a.gradY(), DType.F32, rows, cols);
    checks.matrix("gradX", a.gradX(), DType.F32, rows, cols);
    if (spec.scheme() == Scheme.LSQ) {
      checks.matrix("gradStep", a.gradStep(), DType.F32, 1, 1);
    } else {
      checks.that(a.gradStep() == null, "gradStep", a.gradStep(), "null, as only LSQ has one");
    }
    checks.disjoint("gradX", a.gradX(), "x", a.x());
    checks.disjointOrSame("gradX", a.gradX(), "gradY", a.gradY());
    checks.disjoint("gradX", a.gradX(), "step", a.step());
    checks.disjoint("gradX", a.gradX(), "scale", a.scale());
    checks.disjoint("gradStep", a.gradStep(), "gradX", a.gradX());
    checks.disjoint("gradStep", a.gradStep(), "gradY", a.gradY());
    checks.disjoint("gradStep", a.gradStep(), "x", a.x());
    checks.disjoint("gradStep", a.gradStep(), "step", a.step());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code pet_warmup}: the four-class loss of PET's warm-up on a student's vocabulary logits.
 *
 * <p>With p = softmax(z), m the student's own top token (the lowest index of a tie), c = p_m and a
 * = p_g for the gold token g, the class probabilities are pi = (c a, (1 - c) a, c (1 - a), (1 -
 * c)(1 - a)) for the labels 0 confidently correct, 1 correct, 2 confidently wrong, 3 wrong. The row
 * loss is the cross entropy of the label, with smoothing e as 1 - e on the label and e / 3 on each
 * other class. It is the sum of two binary cross entropies with targets kappa (labels 0 and 2) for
 * c and rho (labels 0 and 1) for a; smoothed they are 1 - 2e/3 and 2e/3.
 *
 * <p>Gradient, m held constant, for each pair (i, x, s) of (m, c, kappa) and (g, a, rho): x - s at
 * i, and -(x - s) p_j / (sum over k != i of p_k) at every other j. log(1 - x) is computed from the
 * logits other than i, never from 1 - x.
 *
 * <p>A row that holds NaN or +infinity, or nothing but -infinity, has row loss and gradient NaN,
 * and so has the total; other rows keep theirs. Beside finite logits -infinity is a probability of
 * 0, with gradient 0 but where it is the gold token: there a target above 0 costs +infinity. A row
 * of weight 0 is not read.
 *
 * <p><b>Accuracy.</b> Sums in double; loss within 1e-6 relative, gradients within three times the
 * error of a plain float32 implementation. <b>Determinism.</b> The same bits with any number of
 * threads.
 *
 * <p>Source: Jeon et al., PLOS ONE 18(7) e0288060, 2023.
 */
public final class PetWarmup {
  private static final String STEM = "pet_warmup";

  /** The number of classes. */
  public static final int CLASSES = 4;

  /** The operation. */
  public static final Op<Spec, Arguments> OP = new Op<>(STEM, "", PetWarmup::check);

  private PetWarmup() {}

  /**
   * The options.
   *
   * @param labelSmoothing e, in [0, 1)
   * @param normaliser what the sum over the rows is divided by
   */
  public record Spec(double labelSmoothing, Normaliser normaliser) {
    /** Checks each option. */
    public Spec {
      ArgumentChecks.fraction(STEM, "labelSmoothing", labelSmoothing);
      Objects.requireNonNull(normaliser, "normaliser");
    }
  }

  /**
   * Arguments of a call. What is null is not given or not wanted.
   *
   * @param student logits, F32 [rows, vocab], at least two columns
   * @param gold gold tokens, I64 [1, rows], in [0, vocab)
   * @param label classes, I64 [1, rows], 0 to 3
   * @param rowWeight factors of the row losses, F32 [1, rows], finite and at least 0, or null for 1
   * @param gradStudent gradient by the logits, F32 [rows, vocab], written; {@code student} itself
   *     or separate memory; or null
   * @param rowLoss losses before weight and normaliser, F64 [1, rows], written, or null
   * @param loss F64 [1, 1], written, or null
   */
  public record Arguments(
      Matrix student,
      Matrix gold,
      Matrix label,
      Matrix rowWeight,
      Matrix gradStudent,
      Matrix rowLoss,
      Matrix loss) {}

  private static void check(Spec spec, Arguments a, ArgumentChecks checks) {
    checks.present("student", a.student(), DType.F32);
    long rows = a.student().rows();
    long vocab = a.student().cols();
    checks.that(vocab >= 2, "student", a.student(), "a vocabulary of at least 2 columns");
    checks.vector("gold", a.gold(), DType.I64, rows);
    checks.indices("gold", a.gold(), vocab, 0);
    checks.vector("label", a.label(), DType.I64, rows);
    checks.indices("label", a.label(), CLASSES, 0);
    checks.optionalVector("rowWeight", a.rowWeight(), DType.F32, rows);
    checks.rowWeights("rowWeight", a.rowWeight());
    checks.optional("gradStudent", a.gradStudent(), DType.F32, rows, vocab);
    checks.optionalVector("rowLoss", a.rowLoss(), DType.F64, rows);
    checks.optional("loss", a.loss(), DType.F64, 1, 1);
    checks.disjointOrSame("gradStudent", a.gradStudent(), "student", a.student());
    RowLoss.checkSeparate("gradStudent", a.gradStudent(), "gold", a.gold(), a.rowWeight(), checks);
    RowLoss.checkSeparate("rowLoss", a.rowLoss(), "gold", a.gold(), a.rowWeight(), checks);
    RowLoss.checkSeparate("loss", a.loss(), "gold", a.gold(), a.rowWeight(), checks);
    checks.disjoint("gradStudent", a.gradStudent(), "label", a.label());
    checks.disjoint("rowLoss", a.rowLoss(), "label", a.label());
    checks.disjoint("loss", a.loss(), "label", a.label());
    checks.disjoint("rowLoss", a.rowLoss(), "student", a.student());
    checks.disjoint("rowLoss", a.rowLoss(), "gradStudent", a.gradStudent());
    checks.disjoint("loss", a.loss(), "student", a.student());
    checks.disjoint("loss", a.loss(), "gradStudent", a.gradStudent());
    checks.disjoint("loss", a.loss(), "rowLoss", a.rowLoss());
  }
}

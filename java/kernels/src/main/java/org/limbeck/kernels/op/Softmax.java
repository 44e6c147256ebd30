// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code softmax}: y = exp(x - max x) / sum exp(x - max x) over the columns of each row.
 *
 * <p>An entry of -infinity has probability 0; a row of -infinity only, which has no softmax, gives
 * a row of 0. NaN or +infinity makes its own row NaN.
 *
 * <p><b>Accuracy.</b> Each probability within 4 ulp of the exact value plus 2^-24 times the
 * distance of its logit from the maximum. <b>Determinism.</b> The same bits with any number of
 * threads.
 */
public final class Softmax {
  /** The forward operation. */
  public static final Op<Spec, Forward> FORWARD = new Op<>("softmax", "forward", Softmax::check);

  /** The backward operation. */
  public static final Op<Spec, Backward> BACKWARD = new Op<>("softmax", "backward", Softmax::check);

  private Softmax() {}

  /** Softmax has no options. */
  public record Spec() {}

  /**
   * Arguments of the forward operation.
   *
   * @param x logits, F32 [rows, cols]
   * @param y probabilities, F32 [rows, cols], written; {@code x} itself or separate memory
   */
  public record Forward(Matrix x, Matrix y) {}

  /**
   * Arguments of the backward operation: gradX = y * (gradY - sum over columns of gradY * y).
   *
   * @param y probabilities of the forward operation, F32 [rows, cols]
   * @param gradY gradient of the loss by y, F32 [rows, cols]
   * @param gradX gradient of the loss by x, F32 [rows, cols], written; {@code gradY} itself or
   *     separate memory
   */
  public record Backward(Matrix y, Matrix gradY, Matrix gradX) {}

  private static void check(Spec spec, Forward a, ArgumentChecks checks) {
    checks.present("x", a.x(), DType.F32);
    checks.matrix("y", a.y(), DType.F32, a.x().rows(), a.x().cols());
    checks.disjointOrSame("y", a.y(), "x", a.x());
  }

  private static void check(Spec spec, Backward a, ArgumentChecks checks) {
    checks.present("y", a.y(), DType.F32);
    checks.matrix("gradY", a.gradY(), DType.F32, a.y().rows(), a.y().cols());
    checks.matrix("gradX", a.gradX(), DType.F32, a.y().rows(), a.y().cols());
    checks.disjoint("gradX", a.gradX(), "y", a.y());
    checks.disjointOrSame("gradX", a.gradX(), "gradY", a.gradY());
  }
}

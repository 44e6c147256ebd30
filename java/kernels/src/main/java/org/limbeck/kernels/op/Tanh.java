// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code tanh}: the hyperbolic tangent, y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)). The
 * backward operation takes the outputs: dy/dx = 1 - y^2.
 *
 * <p>+-infinity gives +-1 with slope 0, NaN gives NaN, -0 gives -0.
 *
 * <p><b>Accuracy.</b> y within 1e-6 relative, however small x is; gradX within 1e-6 relative of
 * gradY * (1 - y^2) for the y that is given. Where |y| is close to 1, the rounding of y itself
 * limits what any gradient by outputs can hold of 1 - tanh(x)^2: an absolute error of 2 y^2 times
 * the relative one of y. <b>Determinism.</b> The same bits with any number of threads.
 */
public final class Tanh {
  /** The forward operation. */
  public static final Op<Spec, Elementwise.Forward> FORWARD =
      new Op<>("tanh", "forward", Elementwise::check);

  /** The backward operation: gradX = gradY * (1 - y^2). */
  public static final Op<Spec, Backward> BACKWARD = new Op<>("tanh", "backward", Tanh::check);

  private Tanh() {}

  /** Tanh has no options. */
  public record Spec() {}

  /**
   * Arguments of the backward operation.
   *
   * @param y outputs of the forward operation, F32 [rows, cols]
   * @param gradY gradient of the loss by y, F32 [rows, cols]
   * @param gradX gradient of the loss by x, F32 [rows, cols], written; {@code gradY} itself or
   *     separate memory
   */
  public record Backward(Matrix y, Matrix gradY, Matrix gradX) {}

  private static void check(Spec spec, Backward a, ArgumentChecks checks) {
    Elementwise.checkBackward("y", a.y(), a.gradY(), a.gradX(), checks);
  }
}

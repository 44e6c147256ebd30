// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/** The arguments that activation functions share: one value in, one value out. */
public final class Elementwise {
  private Elementwise() {}

  /**
   * Arguments of a forward operation.
   *
   * @param x inputs, F32 [rows, cols]
   * @param y outputs, F32 [rows, cols], written; {@code x} itself or separate memory
   */
  public record Forward(Matrix x, Matrix y) {}

  /**
   * Arguments of a backward operation.
   *
   * @param x inputs of the forward operation, F32 [rows, cols]
   * @param gradY gradient of the loss by y, F32 [rows, cols]
   * @param gradX gradient of the loss by x, F32 [rows, cols], written; {@code gradY} itself or
   *     separate memory
   */
  public record Backward(Matrix x, Matrix gradY, Matrix gradX) {}

  static void check(Object spec, Forward a, ArgumentChecks checks) {
    checks.present("x", a.x(), DType.F32);
    checks.matrix("y", a.y(), DType.F32, a.x().rows(), a.x().cols());
    checks.disjointOrSame("y", a.y(), "x", a.x());
  }

  static void check(Object spec, Backward a, ArgumentChecks checks) {
    checkBackward("x", a.x(), a.gradY(), a.gradX(), checks);
  }

  /** Checks backward arguments; {@code kept} is what the forward operation left, x or y. */
  static void checkBackward(
      String name, Matrix kept, Matrix gradY, Matrix gradX, ArgumentChecks checks) {
    checks.present(name, kept, DType.F32);
    checks.matrix("gradY", gradY, DType.F32, kept.rows(), kept.cols());
    checks.matrix("gradX", gradX, DType.F32, kept.rows(), kept.cols());
    checks.disjoint("gradX", gradX, name, kept);
    checks.disjointOrSame("gradX", gradX, "gradY", gradY);
  }
}

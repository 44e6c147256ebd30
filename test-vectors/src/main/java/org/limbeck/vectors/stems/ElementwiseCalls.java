// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Op;
import org.limbeck.vectors.CaseCall;

/** What activation functions share: inputs x, grad_y (optional); expects y, grad_x. */
final class ElementwiseCalls {
  private ElementwiseCalls() {}

  /** Makes the arguments of a backward operation, which takes x or y. */
  @FunctionalInterface
  interface BackwardArguments<B> {
    B of(Matrix x, Matrix y, Matrix gradY, Matrix gradX);
  }

  static <S> void run(
      CaseCall call,
      Op<S, Elementwise.Forward> forward,
      Op<S, Elementwise.Backward> backward,
      S spec) {
    run(
        call,
        forward,
        backward,
        (x, y, gradY, gradX) -> new Elementwise.Backward(x, gradY, gradX),
        spec);
  }

  static <S, B> void run(
      CaseCall call,
      Op<S, Elementwise.Forward> forward,
      Op<S, B> backward,
      BackwardArguments<B> arguments,
      S spec) {
    Matrix x = call.input("x", DType.F32);
    Matrix y = call.output("y", DType.F32, x.rows(), x.cols());
    call.run(forward, spec, new Elementwise.Forward(x, y));
    if (call.has("grad_y")) {
      Matrix gradY = call.input("grad_y", DType.F32);
      Matrix gradX = call.output("grad_x", DType.F32, x.rows(), x.cols());
      call.run(backward, spec, arguments.of(x, y, gradY, gradX));
    }
  }
}

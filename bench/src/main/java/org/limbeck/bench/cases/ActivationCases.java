// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.Relu;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.kernels.op.Tanh;

/**
 * gelu, relu, tanh and softmax. Forward: inputs read once, outputs written once. Backward: what the
 * forward left and the gradient read once, the gradient written once.
 *
 * @param <S> the specification
 * @param <F> the arguments of the forward
 * @param <B> the arguments of the backward
 */
final class ActivationCases<S, F, B> extends StemCases {
  private static final double TOLERANCE = 2e-6;

  /** Makes forward arguments. */
  @FunctionalInterface
  private interface ForwardArguments<F> {
    F of(Matrix x, Matrix y);
  }

  /** Makes backward arguments; kept is x or y, as the stem wants. */
  @FunctionalInterface
  private interface BackwardArguments<B> {
    B of(Matrix kept, Matrix gradY, Matrix gradX);
  }

  private final Op<S, F> forward;
  private final Op<S, B> backward;
  private final S spec;
  private final ForwardArguments<F> forwardArguments;
  private final BackwardArguments<B> backwardArguments;
  private final String kept;
  private final double forwardFlops;
  private final double backwardFlops;

  private ActivationCases(
      Op<S, F> forward,
      Op<S, B> backward,
      S spec,
      ForwardArguments<F> forwardArguments,
      BackwardArguments<B> backwardArguments,
      String kept,
      double forwardFlops,
      double backwardFlops) {
    super(forward.stem(), "rows x cols", List.of("forward", "backward"), 13, 131);
    this.forward = forward;
    this.backward = backward;
    this.spec = spec;
    this.forwardArguments = forwardArguments;
    this.backwardArguments = backwardArguments;
    this.kept = kept;
    this.forwardFlops = forwardFlops;
    this.backwardFlops = backwardFlops;
  }

  static StemCases softmax() {
    return new ActivationCases<>(
        Softmax.FORWARD,
        Softmax.BACKWARD,
        new Softmax.Spec(),
        Softmax.Forward::new,
        Softmax.Backward::new,
        "y",
        14,
        4);
  }

  static StemCases gelu() {
    return new ActivationCases<>(
        Gelu.FORWARD,
        Gelu.BACKWARD,
        new Gelu.Spec(Gelu.Form.ERF),
        Elementwise.Forward::new,
        Elementwise.Backward::new,
        "x",
        48,
        48);
  }

  static StemCases relu() {
    return new ActivationCases<>(
        Relu.FORWARD,
        Relu.BACKWARD,
        new Relu.Spec(),
        Elementwise.Forward::new,
        Elementwise.Backward::new,
        "x",
        1,
        1);
  }

  static StemCases tanh() {
    return new ActivationCases<>(
        Tanh.FORWARD,
        Tanh.BACKWARD,
        new Tanh.Spec(),
        Elementwise.Forward::new,
        Tanh.Backward::new,
        "y",
        30,
        4);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long rows = size[0];
    long cols = size[1];
    double elements = (double) rows * cols;
    to.random("x", rows, cols, 4, Part.ROWS).rowsAlone(rows);
    if (mode.equals("forward")) {
      to.output("y", rows, cols, TOLERANCE, Part.ROWS)
          .work(Work.f32(forwardFlops * elements, elements, elements))
          .call(
              (limbeck, t) -> {
                Operation<S, F> operation = limbeck.operation(forward, spec);
                F arguments = forwardArguments.of(t.of("x"), t.of("y"));
                return () -> operation.run(arguments);
              });
      return;
    }
    to.scratch("y", rows, cols, Part.ROWS)
        .random("grad_y", rows, cols, 1, Part.ROWS)
        .output("grad_x", rows, cols, TOLERANCE, Part.ROWS)
        .work(Work.f32(backwardFlops * elements, 2 * elements, elements))
        .call(
            (limbeck, t) -> {
              limbeck.operation(forward, spec).run(forwardArguments.of(t.of("x"), t.of("y")));
              Operation<S, B> operation = limbeck.operation(backward, spec);
              B arguments = backwardArguments.of(t.of(kept), t.of("grad_y"), t.of("grad_x"));
              return () -> operation.run(arguments);
            });
  }
}

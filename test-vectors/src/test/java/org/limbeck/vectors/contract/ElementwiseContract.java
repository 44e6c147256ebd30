// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Op;

/**
 * What the contracts of activation functions share.
 *
 * @param <S> the specification
 * @param <B> the arguments of the backward operation
 */
abstract class ElementwiseContract<S, B> extends KernelContract {
  /** Makes the arguments of a backward operation; {@code kept} is x, or y where it takes that. */
  @FunctionalInterface
  interface BackwardArguments<B> {
    B of(Matrix kept, Matrix gradY, Matrix gradX);
  }

  private final Op<S, Elementwise.Forward> forward;
  private final Op<S, B> backward;
  private final BackwardArguments<B> backwardArguments;
  private final List<S> specs;
  private final double relative;
  private final double absolute;

  /** Tests a backend; the bounds hold for y, and times gradY for gradX. */
  ElementwiseContract(
      String backend,
      Op<S, Elementwise.Forward> forward,
      Op<S, B> backward,
      BackwardArguments<B> backwardArguments,
      List<S> specs,
      double relative,
      double absolute) {
    super(backend);
    this.forward = forward;
    this.backward = backward;
    this.backwardArguments = backwardArguments;
    this.specs = specs;
    this.relative = relative;
    this.absolute = absolute;
  }

  /** Returns the name of what the backward operation takes from the forward one. */
  String keptName() {
    return "x";
  }

  /** Returns what the backward operation takes: x itself unless overridden. */
  Matrix kept(Tensors t, S spec, Matrix x) {
    return x;
  }

  /** Returns the outputs of the reference. */
  final Matrix applyReference(Tensors t, S spec, Matrix x) {
    Matrix y = t.zeros(DType.F32, x.rows(), x.cols());
    runReference(forward, spec, new Elementwise.Forward(x, y));
    return y;
  }

  final Matrix apply(Tensors t, S spec, Matrix x) {
    Matrix y = t.zeros(DType.F32, x.rows(), x.cols());
    run(forward, spec, new Elementwise.Forward(x, y));
    return y;
  }

  /** Returns gradX; {@code kept} is what {@link #kept} returned. */
  final Matrix chain(Tensors t, S spec, Matrix kept, Matrix gradY) {
    Matrix gradX = t.zeros(DType.F32, kept.rows(), kept.cols());
    run(backward, spec, backwardArguments.of(kept, gradY, gradX));
    return gradX;
  }

  /** Compares both directions with the reference, NaN and infinities included. */
  final void assertAgrees(Tensors t, S spec, Matrix x, Matrix gradY) {
    assertClose(
        applyReference(t, spec, x),
        apply(t, spec, x),
        relative,
        absolute,
        spec + " y of " + x.cols());
    Matrix want = t.zeros(DType.F32, x.rows(), x.cols());
    Matrix kept = kept(t, spec, x);
    runReference(backward, spec, backwardArguments.of(kept, gradY, want));
    Matrix got = chain(t, spec, kept, gradY);
    for (long r = 0; r < x.rows(); r++) {
      for (long c = 0; c < x.cols(); c++) {
        double expected = want.getFloat(r, c);
        double bound = relative * Math.abs(expected) + absolute * Math.abs(gradY.getFloat(r, c));
        long row = r;
        long col = c;
        assertWithin(
            expected,
            got.getFloat(r, c),
            bound,
            () -> spec + " gradX at (" + row + ", " + col + "), x " + x.getFloat(row, col));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    for (S spec : specs) {
      for (long cols : sizesAroundLanes()) {
        try (Tensors t = new Tensors(placement, SEED)) {
          assertAgrees(t, spec, t.normal(3, cols, 3), t.normal(3, cols, 1));
          t.assertPaddingIntact();
        }
      }
    }
  }

  @Test
  void specialValuesStayInTheirElement() {
    float inf = Float.POSITIVE_INFINITY;
    float[] values = {
      inf, -inf, Float.NaN, 0f, -0f, Float.MIN_VALUE, -Float.MIN_VALUE, 3e38f, -3e38f, 1e-20f, 13.2f
    };
    for (S spec : specs) {
      try (Tensors t = Tensors.aligned(SEED)) {
        // Five times, so that all fall into whole vectors and into the tail.
        Matrix x = t.zeros(DType.F32, 1, 5L * values.length);
        Matrix gradY = t.zeros(DType.F32, 1, x.cols());
        for (int c = 0; c < x.cols(); c++) {
          x.setFloat(0, c, values[c % values.length]);
          gradY.setFloat(0, c, 1);
        }
        assertAgrees(t, spec, x, gradY);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    for (S spec : specs) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(701, 257, 3);
        Matrix one = apply(t, spec, x);
        Matrix many = t.zeros(DType.F32, 701, 257);
        run(threads, forward, spec, new Elementwise.Forward(x, many));
        assertSameBits(one, many, "y");
        Matrix kept = kept(t, spec, x);
        Matrix gradX = chain(t, spec, kept, one);
        run(threads, backward, spec, backwardArguments.of(kept, one, many));
        assertSameBits(gradX, many, "gradX");
      }
    }
  }

  @Test
  void worksInPlace() {
    for (S spec : specs) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(5, 37, 3);
        Matrix gradY = t.normal(5, 37, 1);
        Matrix kept = kept(t, spec, x);
        Matrix gradX = chain(t, spec, kept, gradY);
        run(backward, spec, backwardArguments.of(kept, gradY, gradY));
        assertSameBits(gradX, gradY, "gradX over gradY");
        Matrix y = apply(t, spec, x);
        run(forward, spec, new Elementwise.Forward(x, x));
        assertSameBits(y, x, "y over x");
      }
    }
  }

  @Test
  void allocatesNothing() {
    for (S spec : specs) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(4, 77, 1);
        Matrix y = t.zeros(DType.F32, 4, 77);
        Matrix gradX = t.zeros(DType.F32, 4, 77);
        assertNoAllocation(forward, spec, new Elementwise.Forward(x, y));
        assertNoAllocation(backward, spec, backwardArguments.of(kept(t, spec, x), y, gradX));
      }
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(4, 8, 1);
      Matrix other = t.normal(4, 8, 1);
      assertForwardRefused(x, t.zeros(DType.F32, 4, 7), "forward: y: given F32 [4, 7]");
      assertForwardRefused(x, t.zeros(DType.F64, 4, 8), "y: given F64");
      assertForwardRefused(x, null, "y: given null");
      assertForwardRefused(t.zeros(DType.F32, 0, 8), x, "x: given an empty matrix");
      assertForwardRefused(x.rows(0, 3), x.rows(1, 4), "y: given memory that overlaps x in part");
      assertBackwardRefused(x, other.rows(0, 3), other, "backward: gradY: given F32 [3, 8]");
      assertBackwardRefused(x, other, x, "gradX: given memory that overlaps " + keptName());
      assertBackwardRefused(null, other, x, "backward: " + keptName() + ": given null");
    }
  }

  private void assertForwardRefused(Matrix x, Matrix y, String message) {
    var e =
        assertThrows(
            InvalidArgumentException.class,
            () -> run(forward, specs.get(0), new Elementwise.Forward(x, y)));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  private void assertBackwardRefused(Matrix kept, Matrix gradY, Matrix gradX, String message) {
    var e =
        assertThrows(
            InvalidArgumentException.class,
            () -> run(backward, specs.get(0), backwardArguments.of(kept, gradY, gradX)));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

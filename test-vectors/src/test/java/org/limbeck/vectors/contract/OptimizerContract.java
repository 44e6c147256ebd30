// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.OptimizerStep.Arguments;

/** What the contracts of optimizers share. */
abstract class OptimizerContract<S> extends KernelContract {
  private static final double ULP = 0x1p-23;

  final Op<S, Arguments> op;
  final S spec;

  /** Tests a backend with the default specification. */
  OptimizerContract(String backend, Op<S, Arguments> op, S spec) {
    super(backend);
    this.op = op;
    this.spec = spec;
  }

  /** Returns the share of m that is kept, beta1, for the bound of sums that cancel. */
  abstract double beta1();

  /** Returns what m is divided by, and how the gradient is scaled before anything else. */
  abstract double divisor(float v, long step);

  abstract double gradientFactor(Matrix gradient);

  static Arguments underWay(Tensors t, long rows, long cols, double gradientDeviation) {
    return new Arguments(
        t.normal(rows, cols, 0.05),
        t.normal(rows, cols, gradientDeviation),
        t.normal(rows, cols, 0.005),
        t.uniform(rows, cols, 1e-6, 1e-4),
        7,
        1e-2);
  }

  static Arguments copy(Tensors t, Arguments a) {
    return new Arguments(
        t.copy(a.parameter()),
        a.gradient(),
        t.copy(a.firstMoment()),
        t.copy(a.secondMoment()),
        a.step(),
        a.learningRate());
  }

  /** Compares a step with the reference: 4 ulp of the sizes of what is added up. */
  final void assertAgrees(Tensors t, S specification, Arguments a) {
    Arguments before = copy(t, a);
    Arguments want = copy(t, a);
    runReference(op, specification, want);
    run(op, specification, a);
    double factor = gradientFactor(a.gradient());
    for (long r = 0; r < a.parameter().rows(); r++) {
      for (long c = 0; c < a.parameter().cols(); c++) {
        double share = Math.abs((1 - beta1()) * factor * a.gradient().getFloat(r, c));
        double sizeM = Math.abs(beta1() * before.firstMoment().getFloat(r, c)) + share;
        float v = want.secondMoment().getFloat(r, c);
        double sizeW =
            Math.abs(before.parameter().getFloat(r, c))
                + a.learningRate() * sizeM / divisor(v, a.step());
        String where = " at (" + r + ", " + c + ") of " + a.parameter().cols();
        assertWithin(v, a.secondMoment().getFloat(r, c), 4 * ULP * v + 1e-44, () -> "v" + where);
        assertWithin(
            want.firstMoment().getFloat(r, c),
            a.firstMoment().getFloat(r, c),
            4 * ULP * sizeM + 1e-44,
            () -> "m" + where);
        assertWithin(
            want.parameter().getFloat(r, c),
            a.parameter().getFloat(r, c),
            4 * ULP * sizeW,
            () -> "w" + where);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    for (long cols : sizesAroundLanes()) {
      try (Tensors t = new Tensors(placement, SEED)) {
        assertAgrees(t, spec, underWay(t, 3, cols, 0.01));
        t.assertPaddingIntact();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Arguments one = underWay(t, 701, 257, 0.1);
      Arguments many = copy(t, one);
      run(1, op, spec, one);
      run(threads, op, spec, many);
      assertSameBits(one.parameter(), many.parameter(), "w");
      assertSameBits(one.firstMoment(), many.firstMoment(), "m");
      assertSameBits(one.secondMoment(), many.secondMoment(), "v");
    }
  }

  @Test
  void findsTheMinimumOfAParabola() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix target = t.normal(2, 19, 0.2);
      Matrix w = t.zeros(DType.F32, 2, 19);
      Matrix g = t.zeros(DType.F32, 2, 19);
      Matrix m = t.zeros(DType.F32, 2, 19);
      Matrix v = t.zeros(DType.F32, 2, 19);
      for (int step = 1; step <= 600; step++) {
        for (long i = 0; i < w.elements(); i++) {
          g.setFloat(i / 19, i % 19, w.getFloat(i / 19, i % 19) - target.getFloat(i / 19, i % 19));
        }
        run(op, spec, new Arguments(w, g, m, v, step, 0.01 * (1 - step / 601.0)));
      }
      // The decay of 0.01 pulls towards 0.
      assertClose(target, w, 0.02, 0.02, "after 600 steps");
    }
  }

  @Test
  void learningRateOfZeroMovesTheMomentsAlone() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Arguments a = underWay(t, 2, 21, 0.01);
      Arguments still =
          new Arguments(
              a.parameter(), a.gradient(), a.firstMoment(), a.secondMoment(), a.step(), 0);
      Matrix before = t.copy(a.parameter());
      Matrix moment = t.copy(a.firstMoment());
      run(op, spec, still);
      assertSameBits(before, a.parameter(), "w");
      assertTrue(moment.getFloat(0, 0) != a.firstMoment().getFloat(0, 0));
    }
  }

  @Test
  void zeroGradientAndMomentsLeaveTheDecay() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix w = t.normal(1, 35, 1);
      Matrix want = t.copy(w);
      for (long c = 0; c < 35; c++) {
        want.setFloat(0, c, (float) (w.getFloat(0, c) * (1 - 0.1 * 0.01)));
      }
      Matrix m = t.vector(35);
      Matrix v = t.vector(35);
      run(op, spec, new Arguments(w, t.vector(35), m, v, 1, 0.1));
      assertClose(want, w, 2 * ULP, 0, "w");
      assertSameBits(t.vector(35), m, "m");
      assertSameBits(t.vector(35), v, "v");
    }
  }

  @Test
  void allocatesNothing() {
    try (Tensors t = Tensors.aligned(SEED)) {
      assertNoAllocation(op, spec, underWay(t, 4, 77, 0.01));
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Arguments a = underWay(t, 4, 8, 0.01);
      Matrix w = a.parameter();
      Matrix g = a.gradient();
      Matrix m = a.firstMoment();
      Matrix v = a.secondMoment();
      assertRefused(new Arguments(w, t.vector(8), m, v, 1, 0.1), "gradient: given F32 [1, 8]");
      assertRefused(new Arguments(w, g, m, m, 1, 0.1), "secondMoment: given memory that overlaps");
      assertRefused(new Arguments(w, g, w, v, 1, 0.1), "firstMoment: given memory that overlaps");
      assertRefused(new Arguments(w, g, m, v, 0, 0.1), "step: given 0");
      assertRefused(new Arguments(w, g, m, v, 1, -0.1), "learningRate: given -0.1");
      assertRefused(new Arguments(w, g, m, v, 1, Double.NaN), "learningRate: given NaN");
      assertRefused(new Arguments(null, g, m, v, 1, 0.1), "parameter: given null");
    }
  }

  private void assertRefused(Arguments arguments, String message) {
    var e = assertThrows(InvalidArgumentException.class, () -> run(op, spec, arguments));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

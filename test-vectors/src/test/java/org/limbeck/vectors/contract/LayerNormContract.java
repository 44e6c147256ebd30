// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.LayerNorm;

/** The contract of layer_norm. */
public abstract class LayerNormContract extends KernelContract {
  private static final LayerNorm.Spec SPEC = new LayerNorm.Spec(1e-5);
  private static final double ULP = 0x1p-23;

  /** Tests a backend. */
  protected LayerNormContract(String backend) {
    super(backend);
  }

  /** The tensors of both operations on one input. */
  private record Case(LayerNorm.Forward forward, LayerNorm.Backward backward) {
    static Case of(Tensors t, Matrix x, Matrix gamma, Matrix beta, Matrix gradY) {
      long rows = x.rows();
      long cols = x.cols();
      Matrix mean = t.vector(rows);
      Matrix rstd = t.vector(rows);
      return new Case(
          new LayerNorm.Forward(x, gamma, beta, t.zeros(DType.F32, rows, cols), mean, rstd),
          new LayerNorm.Backward(
              x,
              gamma,
              mean,
              rstd,
              gradY,
              t.zeros(DType.F32, rows, cols),
              t.vector(cols),
              t.vector(cols)));
    }

    /** Returns the same inputs with other outputs. */
    Case again(Tensors t) {
      return of(t, forward.x(), forward.gamma(), forward.beta(), backward.gradY());
    }
  }

  private static Case random(Tensors t, long rows, long cols) {
    Matrix x = t.normal(rows, cols, 2);
    Matrix gamma = t.uniform(1, cols, 0.5, 1.5);
    return Case.of(t, x, gamma, t.normal(1, cols, 0.3), t.normal(rows, cols, 1));
  }

  private void runBoth(int threads, Case c) {
    run(threads, LayerNorm.FORWARD, SPEC, c.forward());
    run(threads, LayerNorm.BACKWARD, SPEC, c.backward());
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    for (long cols : sizesAroundLanes()) {
      try (Tensors t = new Tensors(placement, SEED)) {
        Case got = random(t, 3, cols);
        Case want = got.again(t);
        runReference(LayerNorm.FORWARD, SPEC, want.forward());
        run(LayerNorm.FORWARD, SPEC, got.forward());
        assertForward(want.forward(), got.forward());
        // The backward operation from the reference's statistics, so that only its errors count.
        got.backward().mean().copyFrom(want.backward().mean());
        got.backward().rstd().copyFrom(want.backward().rstd());
        runReference(LayerNorm.BACKWARD, SPEC, want.backward());
        run(LayerNorm.BACKWARD, SPEC, got.backward());
        assertBackward(want.backward(), got.backward());
        t.assertPaddingIntact();
      }
    }
  }

  /**
   * The mean of n elements by lanes errs by a few ulp of the largest element, xhat by that times
   * rstd, and by a few ulp of itself from rstd.
   */
  private static void assertForward(LayerNorm.Forward want, LayerNorm.Forward got) {
    Matrix x = want.x();
    for (long r = 0; r < x.rows(); r++) {
      double largest = largest(x, r);
      double rstd = want.rstd().getFloat(0, r);
      assertWithin(
          want.mean().getFloat(0, r), got.mean().getFloat(0, r), 4 * ULP * largest, () -> "mean");
      assertWithin(
          rstd, got.rstd().getFloat(0, r), 8 * ULP * rstd * (1 + rstd * largest), () -> "rstd");
      for (long c = 0; c < x.cols(); c++) {
        double gamma = Math.abs(want.gamma().getFloat(0, c));
        double bound =
            ULP * (gamma * (8 * rstd * largest + 2) + Math.abs(want.beta().getFloat(0, c)));
        long col = c;
        assertWithin(
            want.y().getFloat(r, c), got.y().getFloat(r, c), bound, () -> "y at column " + col);
      }
    }
  }

  private static double largest(Matrix x, long row) {
    double largest = 0;
    for (long c = 0; c < x.cols(); c++) {
      largest = Math.max(largest, Math.abs(x.getFloat(row, c)));
    }
    return largest;
  }

  /** Bounds by the sizes of the terms before they are added up. */
  private static void assertBackward(LayerNorm.Backward want, LayerNorm.Backward got) {
    Matrix x = want.x();
    long cols = x.cols();
    double[] gammaSize = new double[(int) cols];
    double[] betaSize = new double[(int) cols];
    for (long r = 0; r < x.rows(); r++) {
      double rstd = want.rstd().getFloat(0, r);
      double mean = want.mean().getFloat(0, r);
      double sizeG = 0;
      double sizeProduct = 0;
      for (long c = 0; c < cols; c++) {
        double dy = Math.abs(want.gradY().getFloat(r, c));
        // What xhat errs by is an ulp of x and of the mean, besides an ulp of itself.
        double xhat = rstd * (Math.abs(x.getFloat(r, c)) + Math.abs(mean));
        gammaSize[(int) c] += dy * xhat;
        betaSize[(int) c] += dy;
        sizeG += dy * want.gamma().getFloat(0, c) / cols;
        sizeProduct += dy * want.gamma().getFloat(0, c) * xhat / cols;
      }
      double lanes = 4 + Math.sqrt(cols) / 4;
      for (long c = 0; c < cols; c++) {
        double g = Math.abs((double) want.gradY().getFloat(r, c) * want.gamma().getFloat(0, c));
        double xhat = rstd * (Math.abs(x.getFloat(r, c)) + Math.abs(mean));
        double bound = lanes * ULP * rstd * (g + sizeG + xhat * sizeProduct);
        long row = r;
        long col = c;
        assertWithin(
            want.gradX().getFloat(r, c),
            got.gradX().getFloat(r, c),
            bound,
            () -> "gradX at (" + row + ", " + col + ") of " + cols);
      }
    }
    for (long c = 0; c < cols; c++) {
      double rows = 2 + Math.sqrt(x.rows());
      assertWithin(
          want.gradGamma().getFloat(0, c),
          got.gradGamma().getFloat(0, c),
          rows * ULP * gammaSize[(int) c],
          () -> "gradGamma");
      assertWithin(
          want.gradBeta().getFloat(0, c),
          got.gradBeta().getFloat(0, c),
          rows * ULP * betaSize[(int) c],
          () -> "gradBeta");
    }
  }

  @Test
  void agreesWithTheReferenceOverManyRows() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Case got = random(t, 5000, 33);
      Case want = got.again(t);
      runReference(LayerNorm.FORWARD, SPEC, want.forward());
      runReference(LayerNorm.BACKWARD, SPEC, want.backward());
      got.backward().mean().copyFrom(want.backward().mean());
      got.backward().rstd().copyFrom(want.backward().rstd());
      run(LayerNorm.BACKWARD, SPEC, got.backward());
      assertBackward(want.backward(), got.backward());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Case one = random(t, 1403, 257);
      Case many = one.again(t);
      runBoth(1, one);
      runBoth(threads, many);
      assertSameBits(one.forward().y(), many.forward().y(), "y");
      assertSameBits(one.forward().mean(), many.forward().mean(), "mean");
      assertSameBits(one.forward().rstd(), many.forward().rstd(), "rstd");
      assertSameBits(one.backward().gradX(), many.backward().gradX(), "gradX");
      assertSameBits(one.backward().gradGamma(), many.backward().gradGamma(), "gradGamma");
      assertSameBits(one.backward().gradBeta(), many.backward().gradBeta(), "gradBeta");
    }
  }

  @Test
  void worksInPlace() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Case c = random(t, 5, 37);
      runBoth(1, c);
      LayerNorm.Backward b = c.backward();
      Matrix gradY = t.copy(b.gradY());
      Matrix gradGamma = t.vector(37);
      run(
          LayerNorm.BACKWARD,
          SPEC,
          new LayerNorm.Backward(
              b.x(), b.gamma(), b.mean(), b.rstd(), gradY, gradY, gradGamma, t.vector(37)));
      assertSameBits(b.gradX(), gradY, "gradX over gradY");
      assertSameBits(b.gradGamma(), gradGamma, "gradGamma with gradX over gradY");
      LayerNorm.Forward f = c.forward();
      Matrix x = t.copy(f.x());
      run(
          LayerNorm.FORWARD,
          SPEC,
          new LayerNorm.Forward(x, f.gamma(), f.beta(), x, t.vector(5), t.vector(5)));
      assertSameBits(f.y(), x, "y over x");
    }
  }

  @Test
  void parameterGradientsAreAddedTo() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Case c = random(t, 4, 21);
      runBoth(1, c);
      Matrix gamma = t.copy(c.backward().gradGamma());
      Matrix beta = t.copy(c.backward().gradBeta());
      run(LayerNorm.BACKWARD, SPEC, c.backward());
      for (long i = 0; i < 21; i++) {
        gamma.setFloat(0, i, 2 * gamma.getFloat(0, i));
        beta.setFloat(0, i, 2 * beta.getFloat(0, i));
      }
      assertClose(gamma, c.backward().gradGamma(), 4e-6, 1e-6, "gradGamma twice");
      assertClose(beta, c.backward().gradBeta(), 4e-6, 1e-6, "gradBeta twice");
    }
  }

  @Test
  void normalisesAnyOffsetAndScale() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(1, 200, 1);
      Matrix moved = t.zeros(DType.F32, 1, 200);
      Matrix ones = t.vector(200);
      for (long c = 0; c < 200; c++) {
        // Multiples of 1/64, so that the offset changes no digit.
        x.setFloat(0, c, Math.round(x.getFloat(0, c) * 64) / 64f);
        moved.setFloat(0, c, x.getFloat(0, c) * 16 + 4096);
        ones.setFloat(0, c, 1);
      }
      LayerNorm.Spec none = new LayerNorm.Spec(0);
      Matrix zero = t.vector(200);
      Matrix y = t.vector(200);
      Matrix z = t.vector(200);
      run(
          LayerNorm.FORWARD,
          none,
          new LayerNorm.Forward(x, ones, zero, y, t.vector(1), t.vector(1)));
      run(
          LayerNorm.FORWARD,
          none,
          new LayerNorm.Forward(moved, ones, zero, z, t.vector(1), t.vector(1)));
      assertClose(y, z, 4e-7, 4e-7, "moved and scaled");
      double sum = 0;
      double squares = 0;
      for (long c = 0; c < 200; c++) {
        sum += y.getFloat(0, c);
        squares += (double) y.getFloat(0, c) * y.getFloat(0, c);
      }
      assertEquals(0, sum / 200, 2e-7);
      assertEquals(1, squares / 200, 1e-6);
    }
  }

  @Test
  void rowsOfGradientsSumToZero() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Case c = random(t, 6, 129);
      runBoth(1, c);
      for (long r = 0; r < 6; r++) {
        double sum = 0;
        for (long i = 0; i < 129; i++) {
          sum += c.backward().gradX().getFloat(r, i);
        }
        assertEquals(0, sum, 2e-5);
      }
    }
  }

  @Test
  void specialValuesStayInTheirRow() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Case c = random(t, 5, 35);
      Matrix x = c.forward().x();
      x.setFloat(1, 2, Float.NaN);
      x.setFloat(2, 34, Float.POSITIVE_INFINITY);
      x.setFloat(3, 0, Float.NEGATIVE_INFINITY);
      for (long i = 0; i < 35; i++) {
        x.setFloat(4, i, 0.1f);
      }
      runBoth(1, c);
      for (long i = 0; i < 35; i++) {
        assertTrue(Float.isFinite(c.forward().y().getFloat(0, i)));
        assertTrue(Float.isFinite(c.backward().gradX().getFloat(0, i)));
        for (long r = 1; r < 4; r++) {
          assertTrue(Float.isNaN(c.forward().y().getFloat(r, i)));
          assertTrue(Float.isNaN(c.backward().gradX().getFloat(r, i)));
        }
        assertEquals(c.forward().beta().getFloat(0, i), c.forward().y().getFloat(4, i), 1e-5);
        assertTrue(Float.isFinite(c.backward().gradX().getFloat(4, i)));
        assertTrue(Float.isNaN(c.backward().gradGamma().getFloat(0, i)));
        assertTrue(Float.isFinite(c.backward().gradBeta().getFloat(0, i)));
      }
    }
  }

  @Test
  void gradientMatchesCentralDifferences() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Case c = random(t, 2, 9);
      runBoth(1, c);
      Matrix x = c.forward().x();
      Matrix gamma = c.forward().gamma();
      Matrix weight = c.backward().gradY();
      double[][] xs = GradientCheck.toDoubles(x);
      double[] gammas = GradientCheck.toDoubles(gamma)[0];
      GradientCheck.check(
          x, c.backward().gradX(), values -> weighted(values, gammas, weight), "by x", SEED);
      GradientCheck.check(
          gamma,
          c.backward().gradGamma(),
          values -> weighted(xs, values[0], weight),
          "by gamma",
          SEED);
      for (long i = 0; i < 9; i++) {
        double sum = (double) weight.getFloat(0, i) + weight.getFloat(1, i);
        assertEquals(sum, c.backward().gradBeta().getFloat(0, i), 1e-6);
      }
    }
  }

  /** The sum of weight gamma xhat in double, from the formula; beta adds a constant. */
  private static double weighted(double[][] x, double[] gamma, Matrix weight) {
    double total = 0;
    for (int r = 0; r < x.length; r++) {
      double mean = 0;
      for (double v : x[r]) {
        mean += v / x[r].length;
      }
      double variance = 0;
      for (double v : x[r]) {
        variance += (v - mean) * (v - mean) / x[r].length;
      }
      double rstd = 1 / Math.sqrt(variance + SPEC.epsilon());
      for (int c = 0; c < x[r].length; c++) {
        total += weight.getFloat(r, c) * gamma[c] * (x[r][c] - mean) * rstd;
      }
    }
    return total;
  }

  @Test
  void allocatesNothing() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Case c = random(t, 4, 209);
      assertNoAllocation(LayerNorm.FORWARD, SPEC, c.forward());
      assertNoAllocation(LayerNorm.BACKWARD, SPEC, c.backward());
    }
  }

  @Test
  void refusesBadArguments() {
    assertThrows(InvalidArgumentException.class, () -> new LayerNorm.Spec(-1));
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(4, 8, 1);
      Matrix v = t.vector(8);
      Matrix w = t.vector(8);
      Matrix mean = t.vector(4);
      Matrix rstd = t.vector(4);
      Matrix y = t.zeros(DType.F32, 4, 8);
      assertRefused(
          new LayerNorm.Forward(x, t.vector(7), w, y, mean, rstd),
          "layer_norm.forward: gamma: given F32 [1, 7]");
      assertRefused(
          new LayerNorm.Forward(x, v, w, y, mean, mean), "rstd: given memory that overlaps");
      assertRefused(new LayerNorm.Forward(x, v, w, y, null, rstd), "mean: given null");
      assertRefused(
          new LayerNorm.Forward(x.rows(0, 3), v, w, x.rows(1, 4), t.vector(3), t.vector(3)),
          "y: given memory that overlaps x in part");
      var e =
          assertThrows(
              InvalidArgumentException.class,
              () ->
                  run(
                      LayerNorm.BACKWARD,
                      SPEC,
                      new LayerNorm.Backward(x, v, mean, rstd, y, x, w, t.vector(8))));
      assertTrue(e.getMessage().contains("gradX: given memory that overlaps x"), e.getMessage());
    }
  }

  private void assertRefused(LayerNorm.Forward arguments, String message) {
    var e =
        assertThrows(InvalidArgumentException.class, () -> run(LayerNorm.FORWARD, SPEC, arguments));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

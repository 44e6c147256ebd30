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
import org.limbeck.kernels.op.Softmax;

/** The contract of softmax. */
public abstract class SoftmaxContract extends KernelContract {
  private static final Softmax.Spec SPEC = new Softmax.Spec();

  /** Tests a backend. */
  protected SoftmaxContract(String backend) {
    super(backend);
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    for (long cols : sizesAroundLanes()) {
      try (Tensors t = new Tensors(placement, SEED)) {
        Matrix x = t.normal(3, cols, 4);
        Matrix gradY = t.normal(3, cols, 1);
        Matrix y = t.zeros(DType.F32, 3, cols);
        Matrix gradX = t.zeros(DType.F32, 3, cols);
        Matrix wantY = t.zeros(DType.F32, 3, cols);
        Matrix wantGradX = t.zeros(DType.F32, 3, cols);
        run(Softmax.FORWARD, SPEC, new Softmax.Forward(x, y));
        runReference(Softmax.FORWARD, SPEC, new Softmax.Forward(x, wantY));
        // exp of a difference d carries |d| half-ulps, the sum at most cols / lanes more.
        assertClose(wantY, y, 0x1p-24 * (40 + cols / 4.0), 1e-37, "y of " + cols);
        run(Softmax.BACKWARD, SPEC, new Softmax.Backward(wantY, gradY, gradX));
        runReference(Softmax.BACKWARD, SPEC, new Softmax.Backward(wantY, gradY, wantGradX));
        assertBackward(wantY, gradY, wantGradX, gradX);
        t.assertPaddingIntact();
      }
    }
  }

  /** The error of y (dy - dot) is that of dot, whose bound is the sum of |dy y|. */
  private static void assertBackward(Matrix y, Matrix gradY, Matrix want, Matrix got) {
    for (long r = 0; r < y.rows(); r++) {
      double magnitude = 0;
      for (long c = 0; c < y.cols(); c++) {
        magnitude += Math.abs((double) y.getFloat(r, c) * gradY.getFloat(r, c));
      }
      for (long c = 0; c < y.cols(); c++) {
        double bound =
            8
                    * 0x1p-24
                    * Math.sqrt((double) y.cols())
                    * y.getFloat(r, c)
                    * (magnitude + Math.abs(gradY.getFloat(r, c)))
                + 1e-37;
        long row = r;
        long col = c;
        assertWithin(
            want.getFloat(r, c),
            got.getFloat(r, c),
            bound,
            () -> "gradX at (" + row + ", " + col + ")");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(701, 257, 3);
      Matrix one = t.zeros(DType.F32, 701, 257);
      Matrix many = t.zeros(DType.F32, 701, 257);
      run(1, Softmax.FORWARD, SPEC, new Softmax.Forward(x, one));
      run(threads, Softmax.FORWARD, SPEC, new Softmax.Forward(x, many));
      assertSameBits(one, many, "y");
      run(1, Softmax.BACKWARD, SPEC, new Softmax.Backward(one, x, many));
      Matrix gradX = t.zeros(DType.F32, 701, 257);
      run(threads, Softmax.BACKWARD, SPEC, new Softmax.Backward(one, x, gradX));
      assertSameBits(many, gradX, "gradX");
    }
  }

  @Test
  void worksInPlace() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(5, 37, 3);
      Matrix y = t.zeros(DType.F32, 5, 37);
      run(Softmax.FORWARD, SPEC, new Softmax.Forward(x, y));
      Matrix gradY = t.normal(5, 37, 1);
      Matrix gradX = t.zeros(DType.F32, 5, 37);
      run(Softmax.BACKWARD, SPEC, new Softmax.Backward(y, gradY, gradX));
      run(Softmax.BACKWARD, SPEC, new Softmax.Backward(y, gradY, gradY));
      assertSameBits(gradX, gradY, "gradX over gradY");
      run(Softmax.FORWARD, SPEC, new Softmax.Forward(x, x));
      assertSameBits(y, x, "y over x");
    }
  }

  @Test
  void shiftDoesNotChangeTheProbabilities() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(1, 65, 3);
      Matrix shifted = t.zeros(DType.F32, 1, 65);
      for (long c = 0; c < 65; c++) {
        x.setFloat(0, c, Math.round(x.getFloat(0, c) * 64) / 64f);
        shifted.setFloat(0, c, x.getFloat(0, c) + 1024);
      }
      Matrix y = t.zeros(DType.F32, 1, 65);
      Matrix z = t.zeros(DType.F32, 1, 65);
      run(Softmax.FORWARD, SPEC, new Softmax.Forward(x, y));
      run(Softmax.FORWARD, SPEC, new Softmax.Forward(shifted, z));
      assertSameBits(y, z, "probabilities of shifted logits");
    }
  }

  @Test
  void specialValuesStayInTheirRow() {
    float inf = Float.POSITIVE_INFINITY;
    float[][] rows = {
      {1, 2, 3}, {-inf, -inf, -inf}, {Float.NaN, 0, 1}, {inf, 0, 1}, {-inf, 0, -inf}, {90, -90, 0}
    };
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.zeros(DType.F32, rows.length, 3);
      for (int r = 0; r < rows.length; r++) {
        for (int c = 0; c < 3; c++) {
          x.setFloat(r, c, rows[r][c]);
        }
      }
      Matrix y = t.zeros(DType.F32, rows.length, 3);
      run(Softmax.FORWARD, SPEC, new Softmax.Forward(x, y));
      assertEquals(1, y.getFloat(0, 0) + y.getFloat(0, 1) + y.getFloat(0, 2), 1e-6);
      for (int c = 0; c < 3; c++) {
        assertEquals(0, y.getFloat(1, c));
        assertTrue(Float.isNaN(y.getFloat(2, c)));
        assertTrue(Float.isNaN(y.getFloat(3, c)));
      }
      assertEquals(1, y.getFloat(4, 1));
      assertEquals(0, y.getFloat(4, 0));
      assertEquals(1, y.getFloat(5, 0));
      assertEquals(0, y.getFloat(5, 1), 1e-37);
    }
  }

  @Test
  void gradientMatchesCentralDifferences() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(2, 7, 1);
      Matrix weight = t.normal(2, 7, 1);
      Matrix y = t.zeros(DType.F32, 2, 7);
      Matrix gradX = t.zeros(DType.F32, 2, 7);
      run(Softmax.FORWARD, SPEC, new Softmax.Forward(x, y));
      run(Softmax.BACKWARD, SPEC, new Softmax.Backward(y, weight, gradX));
      GradientCheck.check(x, gradX, values -> weightedSoftmax(values, weight), "softmax", SEED);
    }
  }

  /**
   * The sum of weight times softmax in double, written from the formula and not from the library.
   */
  private static double weightedSoftmax(double[][] x, Matrix weight) {
    double total = 0;
    for (int r = 0; r < x.length; r++) {
      double sum = 0;
      for (double v : x[r]) {
        sum += Math.exp(v);
      }
      for (int c = 0; c < x[r].length; c++) {
        total += weight.getFloat(r, c) * Math.exp(x[r][c]) / sum;
      }
    }
    return total;
  }

  @Test
  void allocatesNothing() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(4, 77, 1);
      Matrix y = t.zeros(DType.F32, 4, 77);
      Matrix gradX = t.zeros(DType.F32, 4, 77);
      assertNoAllocation(Softmax.FORWARD, SPEC, new Softmax.Forward(x, y));
      assertNoAllocation(Softmax.BACKWARD, SPEC, new Softmax.Backward(y, x, gradX));
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(4, 8, 1);
      assertRefused(x, t.zeros(DType.F32, 4, 7), "softmax.forward: y: given F32 [4, 7]");
      assertRefused(x, t.zeros(DType.F64, 4, 8), "y: given F64");
      assertRefused(x, null, "y: given null");
      assertRefused(t.zeros(DType.F32, 0, 8), x, "x: given an empty matrix");
      assertRefused(x.rows(0, 3), x.rows(1, 4), "y: given memory that overlaps x in part");
      Matrix closed;
      try (Tensors other = Tensors.aligned(SEED)) {
        closed = other.zeros(DType.F32, 4, 8);
      }
      assertRefused(x, closed, "y: given a closed buffer");
    }
  }

  private void assertRefused(Matrix x, Matrix y, String message) {
    var e =
        assertThrows(
            InvalidArgumentException.class,
            () -> run(Softmax.FORWARD, SPEC, new Softmax.Forward(x, y)));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

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
import org.limbeck.kernels.op.Dropout;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.random.Philox;

/** The contract of dropout. */
public abstract class DropoutContract extends KernelContract {
  private static final Dropout.Spec SPEC = new Dropout.Spec(0.3);
  private static final long WIDE_SEED = 0xFEDC_BA98_7654_3210L;
  private static final long WIDE_STREAM = 0x8123_4567_89AB_CDEFL;

  /** Tests a backend. */
  protected DropoutContract(String backend) {
    super(backend);
  }

  private static boolean isKept(Dropout.Spec spec, long seed, long stream, long element) {
    int word = Philox.word(seed, stream, element / 4, (int) (element % 4));
    return Integer.toUnsignedLong(word) >= spec.threshold();
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void followsItsRuleToTheBit(Placement placement) {
    for (long cols : sizesAroundLanes()) {
      try (Tensors t = new Tensors(placement, SEED)) {
        Matrix x = t.normal(5, cols, 1);
        Matrix residual = t.normal(5, cols, 1);
        Matrix y = t.zeros(DType.F32, 5, cols);
        Matrix sum = t.zeros(DType.F32, 5, cols);
        Matrix gradX = t.zeros(DType.F32, 5, cols);
        long seed = WIDE_SEED + cols;
        run(Dropout.FORWARD, SPEC, new Dropout.Forward(x, null, y, seed, WIDE_STREAM));
        run(Dropout.FORWARD, SPEC, new Dropout.Forward(x, residual, sum, seed, WIDE_STREAM));
        run(Dropout.BACKWARD, SPEC, new Dropout.Backward(x, gradX, seed, WIDE_STREAM));
        for (long r = 0; r < 5; r++) {
          for (long c = 0; c < cols; c++) {
            boolean kept = isKept(SPEC, seed, WIDE_STREAM, r * cols + c);
            float want = kept ? x.getFloat(r, c) * SPEC.keptScale() : 0f;
            String where = "element (" + r + ", " + c + ") of " + cols + " columns";
            assertEquals(want, y.getFloat(r, c), where);
            assertEquals(want, gradX.getFloat(r, c), where);
            assertEquals(want + residual.getFloat(r, c), sum.getFloat(r, c), where);
          }
        }
        t.assertPaddingIntact();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(701, 257, 1);
      Matrix one = t.zeros(DType.F32, 701, 257);
      Matrix many = t.zeros(DType.F32, 701, 257);
      run(1, Dropout.FORWARD, SPEC, new Dropout.Forward(x, x, one, 1, 2));
      run(threads, Dropout.FORWARD, SPEC, new Dropout.Forward(x, x, many, 1, 2));
      assertSameBits(one, many, "y");
      run(1, Dropout.BACKWARD, SPEC, new Dropout.Backward(x, one, 1, 2));
      run(threads, Dropout.BACKWARD, SPEC, new Dropout.Backward(x, many, 1, 2));
      assertSameBits(one, many, "gradX");
    }
  }

  @Test
  void dependsOnTheElementNumberAlone() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(35, 61, 1);
      Matrix y = t.zeros(DType.F32, 35, 61);
      Matrix z = t.zeros(DType.F32, 61, 35);
      run(Dropout.FORWARD, SPEC, new Dropout.Forward(x, null, y, 3, 4));
      run(Dropout.FORWARD, SPEC, new Dropout.Forward(x.reshape(61, 35), null, z, 3, 4));
      assertSameBits(y, z.reshape(35, 61), "the same elements in another shape");
    }
  }

  @Test
  void worksInPlace() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(5, 37, 1);
      Matrix residual = t.normal(5, 37, 1);
      Matrix y = t.zeros(DType.F32, 5, 37);
      run(Dropout.FORWARD, SPEC, new Dropout.Forward(x, residual, y, 5, 6));
      Matrix overResidual = t.copy(residual);
      run(Dropout.FORWARD, SPEC, new Dropout.Forward(x, overResidual, overResidual, 5, 6));
      assertSameBits(y, overResidual, "y over residual");
      Matrix overX = t.copy(x);
      run(Dropout.FORWARD, SPEC, new Dropout.Forward(overX, residual, overX, 5, 6));
      assertSameBits(y, overX, "y over x");
      run(Dropout.BACKWARD, SPEC, new Dropout.Backward(x, y, 5, 6));
      run(Dropout.BACKWARD, SPEC, new Dropout.Backward(x, x, 5, 6));
      assertSameBits(y, x, "gradX over gradY");
    }
  }

  @Test
  void droppedElementsAreExactlyZero() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.zeros(DType.F32, 3, 41);
      Matrix residual = t.zeros(DType.F32, 3, 41);
      Matrix y = t.zeros(DType.F32, 3, 41);
      Matrix sum = t.zeros(DType.F32, 3, 41);
      float[] wild = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
      for (long i = 0; i < x.elements(); i++) {
        x.setFloat(i / 41, i % 41, wild[(int) (i % 3)]);
        residual.setFloat(i / 41, i % 41, -0f);
      }
      run(Dropout.FORWARD, SPEC, new Dropout.Forward(x, null, y, 9, 0));
      run(Dropout.FORWARD, SPEC, new Dropout.Forward(x, residual, sum, 9, 0));
      for (long i = 0; i < x.elements(); i++) {
        boolean kept = isKept(SPEC, 9, 0, i);
        assertEquals(kept ? wild[(int) (i % 3)] : 0f, y.getFloat(i / 41, i % 41));
        assertEquals(kept ? wild[(int) (i % 3)] : -0f, sum.getFloat(i / 41, i % 41));
      }
    }
  }

  @Test
  void probabilitiesAtTheEnds() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(3, 50, 1);
      Matrix y = t.zeros(DType.F32, 3, 50);
      run(Dropout.FORWARD, new Dropout.Spec(0), new Dropout.Forward(x, null, y, 1, 1));
      assertSameBits(x, y, "probability 0");
      run(Dropout.FORWARD, new Dropout.Spec(1 - 0x1p-40), new Dropout.Forward(x, null, y, 1, 1));
      for (long i = 0; i < x.elements(); i++) {
        assertEquals(0f, y.getFloat(i / 50, i % 50));
      }
    }
  }

  @Test
  void keepsTheShareAndTheMean() {
    try (Tensors t = Tensors.aligned(SEED)) {
      long rows = 100;
      long cols = 1000;
      Matrix x = t.zeros(DType.F32, rows, cols);
      for (long i = 0; i < rows * cols; i++) {
        x.setFloat(i / cols, i % cols, 1);
      }
      Matrix y = t.zeros(DType.F32, rows, cols);
      run(Dropout.FORWARD, SPEC, new Dropout.Forward(x, null, y, SEED, 0));
      double sum = 0;
      for (long i = 0; i < rows * cols; i++) {
        sum += y.getFloat(i / cols, i % cols);
      }
      // Five standard deviations of the mean of 100,000 elements.
      assertEquals(1, sum / (rows * cols), 5 * Math.sqrt(0.3 / 0.7 / (rows * cols)));
    }
  }

  @Test
  void allocatesNothing() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(4, 777, 1);
      Matrix y = t.zeros(DType.F32, 4, 777);
      assertNoAllocation(Dropout.FORWARD, SPEC, new Dropout.Forward(x, null, y, 1, 2));
      assertNoAllocation(Dropout.FORWARD, SPEC, new Dropout.Forward(x, x, y, 1, 2));
      assertNoAllocation(Dropout.BACKWARD, SPEC, new Dropout.Backward(x, y, 1, 2));
    }
  }

  @Test
  void refusesBadArguments() {
    assertThrows(InvalidArgumentException.class, () -> new Dropout.Spec(1));
    assertThrows(InvalidArgumentException.class, () -> new Dropout.Spec(-0.1));
    assertThrows(InvalidArgumentException.class, () -> new Dropout.Spec(Double.NaN));
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(4, 8, 1);
      Matrix y = t.zeros(DType.F32, 4, 8);
      assertRefused(x, null, t.zeros(DType.F32, 4, 7), "dropout.forward: y: given F32 [4, 7]");
      assertRefused(x, t.zeros(DType.F32, 3, 8), y, "residual: given F32 [3, 8]");
      assertRefused(x.rows(0, 3), null, x.rows(1, 4), "y: given memory that overlaps x in part");
      assertRefused(null, null, y, "x: given null");
    }
  }

  private void assertRefused(Matrix x, Matrix residual, Matrix y, String message) {
    var e =
        assertThrows(
            InvalidArgumentException.class,
            () -> run(Dropout.FORWARD, SPEC, new Dropout.Forward(x, residual, y, 0, 0)));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

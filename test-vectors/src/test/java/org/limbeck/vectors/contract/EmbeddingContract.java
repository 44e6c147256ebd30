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
import org.limbeck.kernels.op.Embedding;
import org.limbeck.kernels.op.InvalidArgumentException;

/** The contract of embedding: its sums have an order, so every backend gives the same bits. */
public abstract class EmbeddingContract extends KernelContract {
  private static final Embedding.Spec SCALED = new Embedding.Spec(1.7f, 2);

  /** Tests a backend. */
  protected EmbeddingContract(String backend) {
    super(backend);
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void hasTheBitsOfTheReference(Placement placement) {
    for (long width : sizesAroundLanes()) {
      try (Tensors t = new Tensors(placement, SEED)) {
        Matrix table = t.normal(5, width, 1);
        Matrix ids = t.indices(11, 5);
        Matrix gradY = t.normal(11, width, 1);
        Matrix want = t.zeros(DType.F32, 11, width);
        Matrix y = t.zeros(DType.F32, 11, width);
        run(Embedding.FORWARD, SCALED, new Embedding.Forward(table, ids, y));
        runReference(Embedding.FORWARD, SCALED, new Embedding.Forward(table, ids, want));
        assertSameBits(want, y, "y of " + width);
        Matrix wantGrad = t.normal(5, width, 1);
        Matrix grad = t.copy(wantGrad);
        run(Embedding.BACKWARD, SCALED, new Embedding.Backward(ids, gradY, grad));
        runReference(Embedding.BACKWARD, SCALED, new Embedding.Backward(ids, gradY, wantGrad));
        assertSameBits(wantGrad, grad, "gradTable of " + width);
        t.assertPaddingIntact();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix table = t.normal(50, 777, 1);
      Matrix ids = t.indices(900, 50);
      Matrix one = t.zeros(DType.F32, 900, 777);
      Matrix many = t.zeros(DType.F32, 900, 777);
      run(1, Embedding.FORWARD, SCALED, new Embedding.Forward(table, ids, one));
      run(threads, Embedding.FORWARD, SCALED, new Embedding.Forward(table, ids, many));
      assertSameBits(one, many, "y");
      Matrix gradOne = t.zeros(DType.F32, 50, 777);
      Matrix gradMany = t.zeros(DType.F32, 50, 777);
      run(1, Embedding.BACKWARD, SCALED, new Embedding.Backward(ids, one, gradOne));
      run(threads, Embedding.BACKWARD, SCALED, new Embedding.Backward(ids, one, gradMany));
      assertSameBits(gradOne, gradMany, "gradTable");
    }
  }

  @Test
  void addsInTheOrderOfThePositions() {
    try (Tensors t = Tensors.aligned(SEED)) {
      // In another order the small terms would survive: 2^24 + 1 is 2^24 in float32.
      float[] terms = {0x1p24f, 1, 1, -0x1p24f, 1};
      for (long width : new long[] {1, 40}) {
        Matrix ids = t.zeros(DType.I64, 1, terms.length);
        Matrix gradY = t.zeros(DType.F32, terms.length, width);
        Matrix grad = t.zeros(DType.F32, 1, width);
        for (int i = 0; i < terms.length; i++) {
          for (long c = 0; c < width; c++) {
            gradY.setFloat(i, c, terms[i]);
          }
        }
        run(Embedding.BACKWARD, Embedding.Spec.DEFAULT, new Embedding.Backward(ids, gradY, grad));
        for (long c = 0; c < width; c++) {
          assertEquals(1f, grad.getFloat(0, c), "column " + c);
        }
      }
    }
  }

  @Test
  void paddingIsReadButGetsNoGradient() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Embedding.Spec spec = new Embedding.Spec(1, 1);
      Matrix table = t.normal(3, 21, 1);
      Matrix ids = t.zeros(DType.I64, 1, 4);
      ids.setLong(0, 1, 1);
      ids.setLong(0, 2, 1);
      ids.setLong(0, 3, 2);
      Matrix y = t.zeros(DType.F32, 4, 21);
      run(Embedding.FORWARD, spec, new Embedding.Forward(table, ids, y));
      assertSameBits(table.rows(1, 2), y.rows(1, 2), "the padding row");
      Matrix before = t.normal(3, 21, 1);
      Matrix grad = t.copy(before);
      run(Embedding.BACKWARD, spec, new Embedding.Backward(ids, y, grad));
      assertSameBits(before.rows(1, 2), grad.rows(1, 2), "gradient of the padding row");
      assertEquals(before.getFloat(2, 20) + table.getFloat(2, 20), grad.getFloat(2, 20));
    }
  }

  @Test
  void specialValuesStayInTheirRows() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix ids = t.zeros(DType.I64, 1, 2);
      ids.setLong(0, 1, 2);
      Matrix gradY = t.normal(2, 19, 1);
      gradY.setFloat(1, 3, Float.NaN);
      gradY.setFloat(1, 4, Float.POSITIVE_INFINITY);
      Matrix grad = t.zeros(DType.F32, 3, 19);
      run(Embedding.BACKWARD, Embedding.Spec.DEFAULT, new Embedding.Backward(ids, gradY, grad));
      assertSameBits(gradY.rows(0, 1), grad.rows(0, 1), "row 0");
      assertTrue(Float.isNaN(grad.getFloat(2, 3)));
      assertEquals(Float.POSITIVE_INFINITY, grad.getFloat(2, 4));
      for (long c = 0; c < 19; c++) {
        assertEquals(0, grad.getFloat(1, c));
      }
    }
  }

  @Test
  void gradientMatchesCentralDifferences() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix table = t.normal(4, 5, 1);
      Matrix ids = t.indices(9, 4);
      Matrix weight = t.normal(9, 5, 1);
      Matrix grad = t.zeros(DType.F32, 4, 5);
      Embedding.Spec spec = new Embedding.Spec(2.5f, -1);
      run(Embedding.BACKWARD, spec, new Embedding.Backward(ids, weight, grad));
      GradientCheck.check(
          table,
          grad,
          values -> {
            double sum = 0;
            for (int i = 0; i < 9; i++) {
              for (int c = 0; c < 5; c++) {
                sum += weight.getFloat(i, c) * 2.5 * values[(int) ids.getLong(0, i)][c];
              }
            }
            return sum;
          },
          "embedding",
          SEED);
    }
  }

  @Test
  void allocatesNothing() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix table = t.normal(7, 77, 1);
      Matrix ids = t.indices(13, 7);
      Matrix y = t.zeros(DType.F32, 13, 77);
      assertNoAllocation(Embedding.FORWARD, SCALED, new Embedding.Forward(table, ids, y));
      assertNoAllocation(Embedding.BACKWARD, SCALED, new Embedding.Backward(ids, y, table));
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix table = t.normal(4, 8, 1);
      Matrix ids = t.indices(3, 4);
      Matrix y = t.zeros(DType.F32, 3, 8);
      assertRefused(table, ids, t.zeros(DType.F32, 3, 7), "embedding.forward: y: given F32 [3, 7]");
      assertRefused(table, ids, table.rows(0, 3), "y: given memory that overlaps table");
      assertRefused(table, t.zeros(DType.I32, 1, 3), y, "ids: given I32");
      ids.setLong(0, 1, 4);
      assertRefused(table, ids, y, "ids: given 4 at position 1");
      ids.setLong(0, 1, -1);
      assertRefused(table, ids, y, "ids: given -1 at position 1");
      assertRefused(table, null, y, "ids: given null");
      assertThrows(InvalidArgumentException.class, () -> new Embedding.Spec(Float.NaN, -1));
      assertThrows(InvalidArgumentException.class, () -> new Embedding.Spec(1, -2));
    }
  }

  private void assertRefused(Matrix table, Matrix ids, Matrix y, String message) {
    var e =
        assertThrows(
            InvalidArgumentException.class,
            () ->
                run(
                    Embedding.FORWARD,
                    Embedding.Spec.DEFAULT,
                    new Embedding.Forward(table, ids, y)));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

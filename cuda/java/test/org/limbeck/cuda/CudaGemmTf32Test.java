// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.GemmF32.Spec;
import org.limbeck.vectors.contract.GemmTf32Contract;
import org.limbeck.vectors.contract.Placement;
import org.limbeck.vectors.contract.Tensors;

/** Matrix products on the tensor cores in tf32 on the CUDA backend, by default emulated. */
class CudaGemmTf32Test extends GemmTf32Contract {
  private final LargeProducts large =
      new LargeProducts(
          DType.F32, Precision.TF32, (spec, arguments) -> run(GemmF32.OP, spec, arguments));

  CudaGemmTf32Test() {
    super(TestedBackend.name());
  }

  /** Tiles of 128 x 256 with tails in each direction where both factors lie along k. */
  @ParameterizedTest
  @CsvSource({"false, false", "false, true", "true, false", "true, true"})
  void largeProductsOfWholeNumbersAreExact(boolean transA, boolean transB) {
    large.wholeNumbersAreExact(transA, transB, SEED);
  }

  /** Where each element of a factor that does not lie along k is used so often that it is moved. */
  @ParameterizedTest
  @CsvSource({
    "false, false, 1028, 136, 72",
    "true, true, 72, 1028, 40",
    "true, false, 2052, 2052, 36"
  })
  void transposedFactorsAreExact(boolean transA, boolean transB, int m, int n, int k) {
    assertTrue(TransposingProducts.gains(Spec.of(transA, transB), m, n));
    large.wholeNumbersAreExact(transA, transB, m, n, k, SEED);
  }

  /** Matrices of which some begin at multiples of 16 bytes and others do not. */
  @ParameterizedTest
  @CsvSource({"4, 8", "2, 4", "0, 3"})
  void largeMatrixOfABatchHasTheBitsOfThatMatrixAlone(long stepA, long stepB) {
    large.batchHasTheBitsOfEachAlone(stepA, stepB, SEED);
  }

  @Test
  void slicedMatrixOfABatchHasTheBitsOfThatMatrixAlone() {
    large.slicedBatchHasTheBitsOfEachAlone(2, 4, SEED);
  }

  /** A number between those of tf32, nearer to the one below or above. */
  private static float between(int i) {
    float x = 1 + i % 1000 * 0x1p-10f + (i % 3 == 0 ? 1 : 3) * 0x1p-12f;
    return i % 2 == 0 ? x : -x;
  }

  /** What full float32 keeps, tf32 rounds to the nearest number. */
  @ParameterizedTest
  @CsvSource({
    "ALIGNED, false, false",
    "ALIGNED, false, true",
    "ALIGNED, true, false",
    "ALIGNED, true, true",
    "STRIDED, false, false",
    "STRIDED, false, true",
    "STRIDED, true, false",
    "STRIDED, true, true"
  })
  void factorsAreRoundedToNearest(Placement placement, boolean transA, boolean transB) {
    assertRounded(placement, transA, transB, 68, 72, 12);
    assertRounded(placement, transA, transB, LargeProducts.M, LargeProducts.N, 40);
  }

  private void assertRounded(
      Placement placement, boolean transA, boolean transB, int m, int n, int k) {
    int term = k - 3;
    try (Tensors t = new Tensors(placement, SEED)) {
      Matrix a = t.zeros(DType.F32, transA ? k : m, transA ? m : k);
      Matrix b = t.zeros(DType.F32, transB ? n : k, transB ? k : n);
      for (int i = 0; i < m; i++) {
        a.setFloat(transA ? term : i, transA ? i : term, between(i));
      }
      for (int j = 0; j < n; j++) {
        b.setFloat(transB ? j : term, transB ? term : j, between(j + 100));
      }
      Matrix c = t.zeros(DType.F32, m, n);
      for (Precision precision : Precision.values()) {
        Spec spec = Spec.of(transA, transB).withPrecision(precision);
        run(GemmF32.OP, spec, Arguments.of(a, b, c));
        for (int i = 0; i < m; i++) {
          for (int j = 0; j < n; j++) {
            float x = between(i);
            float y = between(j + 100);
            float want = precision == Precision.F32 ? x * y : rounded(x) * rounded(y);
            assertEquals(want, c.getFloat(i, j), spec::toString);
          }
        }
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.GemmF32.Batch;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.GemmF32.Spec;
import org.limbeck.vectors.contract.GemmF32Contract;
import org.limbeck.vectors.contract.Tensors;

/** Matrix products in float32 on the CUDA backend, by default emulated. */
class CudaGemmF32Test extends GemmF32Contract {
  CudaGemmF32Test() {
    super(TestedBackend.name());
  }

  /** Tiles of 128 x 128, whole ones and tails. */
  @ParameterizedTest
  @CsvSource({"false, false", "false, true", "true, false", "true, true"})
  void largeProductsOfWholeNumbersAreExact(boolean transA, boolean transB) {
    LargeProducts large =
        new LargeProducts(
            DType.F32, Precision.F32, (spec, arguments) -> run(GemmF32.OP, spec, arguments));
    large.wholeNumbersAreExact(transA, transB, SEED);
  }

  /** More matrices than have their sums wait at a time. */
  @Test
  void slicesOfALongBatchHaveTheBitsOfEachMatrixAlone() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.normal(1, 2200, 1);
      Matrix b = t.normal(1, 2200, 1);
      Matrix c = t.zeros(DType.F32, 1, 140);
      Matrix want = t.zeros(DType.F32, 1, 140);
      Spec spec = Spec.of(false, true);
      Matrix firstA = a.columns(0, 2048);
      Matrix firstB = b.columns(0, 2048);
      Batch batch = Batch.strided(140, 1, 0, 1);
      run(GemmF32.OP, spec, new Arguments(firstA, firstB, c.columns(0, 1), null, batch));
      for (int i = 0; i < 140; i++) {
        Matrix ai = a.columns(i, i + 2048);
        run(GemmF32.OP, spec, Arguments.of(ai, firstB, want.columns(i, i + 1)));
      }
      assertSameBits(want, c, "a batch of 140");
    }
  }

  @Test
  void slicesAllocateNothing() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.normal(1, 2048, 1);
      Matrix b = t.normal(2, 2048, 1);
      Matrix c = t.zeros(DType.F32, 2, 2);
      Arguments batch = new Arguments(a, b, c.rows(0, 1), null, Batch.strided(2, 0, 0, 2));
      assertNoAllocation(GemmF32.OP, Spec.of(false, true), batch);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.vectors.contract.GemmBf16Contract;

/** Products of bfloat16 matrices on the CUDA backend, by default emulated. */
class CudaGemmBf16Test extends GemmBf16Contract {
  private final LargeProducts large =
      new LargeProducts(
          DType.BF16, Precision.F32, (spec, arguments) -> run(GemmBf16.OP, spec, arguments));

  CudaGemmBf16Test() {
    super(TestedBackend.name());
  }

  /** Tiles of 128 x 256 with tails in each direction, whatever lies along the lines. */
  @ParameterizedTest
  @CsvSource({"false, false", "false, true", "true, false", "true, true"})
  void largeProductsOfWholeNumbersAreExact(boolean transA, boolean transB) {
    large.wholeNumbersAreExact(transA, transB, SEED);
  }

  /** Matrices of which some begin at multiples of 16 bytes and others do not. */
  @ParameterizedTest
  @CsvSource({"8, 16", "4, 8", "0, 3"})
  void largeMatrixOfABatchHasTheBitsOfThatMatrixAlone(long stepA, long stepB) {
    large.batchHasTheBitsOfEachAlone(stepA, stepB, SEED);
  }

  @Test
  void slicedMatrixOfABatchHasTheBitsOfThatMatrixAlone() {
    large.slicedBatchHasTheBitsOfEachAlone(4, 8, SEED);
  }
}

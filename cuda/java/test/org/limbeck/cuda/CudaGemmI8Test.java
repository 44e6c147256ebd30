// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmI8;
import org.limbeck.kernels.op.GemmI8.Arguments;
import org.limbeck.kernels.op.GemmI8.Output;
import org.limbeck.kernels.op.GemmI8.Spec;
import org.limbeck.vectors.contract.GemmI8Contract;
import org.limbeck.vectors.contract.Tensors;

/** Products of matrices of signed bytes on the CUDA backend, by default emulated. */
class CudaGemmI8Test extends GemmI8Contract {
  CudaGemmI8Test() {
    super(TestedBackend.name());
  }

  /** Large tiles with tails in each direction: the contract's matrices have too few of them. */
  @ParameterizedTest
  @CsvSource({"false, 80", "false, 336", "true, 80", "true, 336"})
  void largeTilesAgreeWithTheReference(boolean transB, long k) {
    long m = LargeProducts.M;
    // Rows of bytes that begin at multiples of 16.
    long n = LargeProducts.N + 8;
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.bytes(m, k, Byte.MIN_VALUE, Byte.MAX_VALUE);
      Matrix b = t.bytes(transB ? n : k, transB ? k : n, Byte.MIN_VALUE, Byte.MAX_VALUE);
      Matrix sums = t.zeros(DType.I32, m, n);
      Matrix wantSums = t.zeros(DType.I32, m, n);
      Spec spec = new Spec(transB, Output.I32);
      run(GemmI8.OP, spec, Arguments.of(a, b, sums));
      runReference(GemmI8.OP, spec, Arguments.of(a, b, wantSums));
      assertSameBits(wantSums, sums, "sums");
      Matrix rowScale = t.uniform(1, m, 0.001, 1);
      Matrix colScale = t.uniform(1, n, -1, 1);
      Matrix bias = t.normal(1, n, 1000);
      Matrix c = t.zeros(DType.F32, m, n);
      Matrix want = t.zeros(DType.F32, m, n);
      spec = new Spec(transB, Output.F32);
      run(GemmI8.OP, spec, new Arguments(a, b, c, rowScale, colScale, bias));
      runReference(GemmI8.OP, spec, new Arguments(a, b, want, rowScale, colScale, bias));
      // Where product and bias cancel, the rounding of either is left: both are about 1e5.
      assertClose(want, c, 0x1p-21, 0.05, "scaled sums");
    }
  }
}

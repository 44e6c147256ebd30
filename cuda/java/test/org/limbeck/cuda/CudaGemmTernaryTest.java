// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.kernels.op.GemmTernary.Arguments;
import org.limbeck.kernels.op.GemmTernary.Spec;
import org.limbeck.kernels.packed.PackedTernary;
import org.limbeck.vectors.contract.GemmTernaryContract;
import org.limbeck.vectors.contract.Tensors;

/** Products with packed ternary weights on the CUDA backend, by default emulated. */
class CudaGemmTernaryTest extends GemmTernaryContract {
  CudaGemmTernaryTest() {
    super(TestedBackend.name());
  }

  /** Several tiles of either size down and across, with tails, and each number of lanes a row. */
  @ParameterizedTest
  @CsvSource({
    "150, 300, 700",
    "300, 140, 256",
    "70, 100, 1040",
    "129, 257, 64",
    "1, 99, 300",
    "1, 99, 4001",
    "1, 700, 9300",
    "3, 99, 800",
    "7, 99, 1300",
    "8, 99, 2100"
  })
  void agreesWithTheReferenceOnEveryPath(long m, long n, long k) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(m, k, 1);
      PackedTernary weights = t.packed(t.bytes(n, k, -1, 1));
      Matrix scale = t.uniform(1, n, 0.1, 1);
      Matrix bias = t.normal(1, n, 1);
      Matrix y = t.zeros(DType.F32, m, n);
      Matrix want = t.zeros(DType.F32, m, n);
      Matrix acc = t.zeros(DType.I32, m, n);
      Matrix wantAcc = t.zeros(DType.I32, m, n);
      Spec spec = new Spec(Activations.I8_ROW);
      run(GemmTernary.OP, spec, new Arguments(x, weights, scale, bias, y, acc));
      runReference(GemmTernary.OP, spec, new Arguments(x, weights, scale, bias, want, wantAcc));
      assertSameBits(wantAcc, acc, "sums");
      assertClose(want, y, 0x1p-21, 1e-4, "y of codes");
      spec = new Spec(Activations.F32);
      run(GemmTernary.OP, spec, new Arguments(x, weights, scale, bias, y, null));
      runReference(GemmTernary.OP, spec, new Arguments(x, weights, scale, bias, want, null));
      // About 2 k / 3 terms of 1: errors grow with the root of their number.
      assertClose(want, y, 0, 0x1p-24 * 8 * k, "y");
    }
  }

  /**
   * Numbers of one long row that have no parts in bf16, which the kernel for it takes another way.
   */
  @ParameterizedTest
  @ValueSource(floats = {1e-38f, Float.POSITIVE_INFINITY, Float.NaN})
  void oneLongRowMayHoldAnyNumber(float value) {
    long n = 37;
    long k = 4096;
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(1, k, value < 1 ? 1e-38 : 1);
      x.setFloat(0, 7, value);
      PackedTernary weights = t.packed(t.bytes(n, k, -1, 1));
      Matrix scale = t.uniform(1, n, 0.5, 1);
      Matrix y = t.zeros(DType.F32, 1, n);
      Matrix want = t.zeros(DType.F32, 1, n);
      Spec spec = new Spec(Activations.F32);
      run(GemmTernary.OP, spec, new Arguments(x, weights, scale, null, y, null));
      runReference(GemmTernary.OP, spec, new Arguments(x, weights, scale, null, want, null));
      for (long j = 0; j < n; j++) {
        float expected = want.getFloat(0, j);
        float got = y.getFloat(0, j);
        assertTrue(
            Float.isFinite(expected)
                ? Math.abs(got - expected) <= 0x1p-24 * 8 * k * 1e-38
                : !Float.isFinite(got),
            () -> got + " in place of " + expected);
      }
    }
  }
}

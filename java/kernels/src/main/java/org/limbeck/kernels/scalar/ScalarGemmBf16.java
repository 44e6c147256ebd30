// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;

/**
 * gemm_bf16, reference. C = act(alpha op(A) op(B) + beta C + bias), the loops of {@link
 * ScalarGemmF32} over other factors.
 *
 * <p>A bf16 [m, k] or [k, m], B bf16 [k, n] or [n, k], C f32 [m, n], bias f32 [1, n], any row
 * stride, C separate memory; or a batch of them. A factor is widened exactly, subnormal ones too.
 * Sums in double, one rounding at the end. One thread. 2 m n k flops; reads 2 (m k + k n) bytes.
 */
final class ScalarGemmBf16 {
  private ScalarGemmBf16() {}

  static Kernel<GemmF32.Arguments> of(GemmF32.Spec spec) {
    return ScalarGemmF32.of(spec, Matrix::getBfloat16);
  }
}

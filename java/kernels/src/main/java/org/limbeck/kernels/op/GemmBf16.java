// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;

/**
 * Stem {@code gemm_bf16}: C = act(alpha op(A) op(B) + beta C + bias) with BF16 factors, row-major
 * as stored, for one matrix or a strided batch of them. C and the bias are F32. Specification and
 * arguments are those of {@link GemmF32}, and mean the same.
 *
 * <p>{@link org.limbeck.kernels.memory.Bfloat16#round} makes factors from F32 matrices.
 *
 * <p><b>Accuracy.</b> Factors are read exactly, products of two are exact, sums are float32. Per
 * element within (k + 8) u S, u = 2^-24, S = |alpha| times the sum of |a_i b_i| plus |beta c| plus
 * |bias|. Subnormal factors, products and sums (magnitudes below 2^-126) may count as 0, as bf16
 * dot-product instructions treat them, whatever the modes of the process: another |alpha| k 2^-126
 * (2 + max |a| + max |b|). An infinity times such a factor is NaN or infinite. <b>Determinism.</b>
 * The same bits with any number of threads, and for each matrix of a batch as for that matrix
 * alone.
 */
public final class GemmBf16 {
  /** The operation. */
  public static final Op<GemmF32.Spec, GemmF32.Arguments> OP =
      new Op<>("gemm_bf16", "", GemmChecks.of(DType.BF16));

  private GemmBf16() {}
}

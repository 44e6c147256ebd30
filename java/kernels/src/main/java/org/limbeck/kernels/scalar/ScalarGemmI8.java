// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmI8;
import org.limbeck.kernels.op.Kernel;

/**
 * gemm_i8, reference. sum = A op(B); C = sum, or C = sum rowScale colScale + bias.
 *
 * <p>A i8 [m, k], B i8 [k, n] or [n, k], C i32 or f32 [m, n], rowScale f32 [1, m], colScale and
 * bias f32 [1, n], any row stride, C separate memory. k = 0 gives sums of 0. Sums in int32, where k
 * leaves no room for overflow; scales and bias in double, one rounding at the end. One thread. 2 m
 * n k operations; reads m k + k n bytes and writes 4 m n.
 */
final class ScalarGemmI8 {
  private ScalarGemmI8() {}

  static Kernel<GemmI8.Arguments> of(GemmI8.Spec spec) {
    return (args, pool) -> {
      for (long i = 0; i < args.m(); i++) {
        for (long j = 0; j < args.n(); j++) {
          int sum = sum(spec, args, i, j);
          if (spec.output() == GemmI8.Output.I32) {
            args.c().setInt(i, j, sum);
          } else {
            args.c().setFloat(i, j, (float) scaled(args, i, j, sum));
          }
        }
      }
    };
  }

  private static int sum(GemmI8.Spec spec, GemmI8.Arguments args, long i, long j) {
    Matrix b = args.b();
    int sum = 0;
    for (long p = 0; p < args.k(); p++) {
      sum += args.a().getByte(i, p) * (spec.transB() ? b.getByte(j, p) : b.getByte(p, j));
    }
    return sum;
  }

  private static double scaled(GemmI8.Arguments args, long i, long j, int sum) {
    double value = (double) sum * args.rowScale().getFloat(0, i) * args.colScale().getFloat(0, j);
    return args.bias() == null ? value : value + args.bias().getFloat(0, j);
  }
}

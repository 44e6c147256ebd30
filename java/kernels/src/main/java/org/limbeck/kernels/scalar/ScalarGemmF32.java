// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.Kernel;

/**
 * gemm_f32, reference. C = act(alpha op(A) op(B) + beta C + bias); with dC' the gradient before
 * act, dop(A) = alpha dC' op(B)^T, dop(B) = alpha op(A)^T dC', dbias the column sums of dC': all
 * products of this stem again.
 *
 * <p>A f32 [m, k] or [k, m], B f32 [k, n] or [n, k], C f32 [m, n], bias f32 [1, n], any row stride,
 * C separate memory; or a batch of them. beta = 0 does not read C; k = 0 makes the product 0. NaN
 * and infinities spread by the rules of arithmetic. Sums in double, one rounding at the end. One
 * thread. 2 m n k flops; reads m k + k n (+ m n) and writes m n floats.
 */
final class ScalarGemmF32 {
  private ScalarGemmF32() {}

  /** How an element of a factor is read. */
  @FunctionalInterface
  interface Factor {
    float get(Matrix matrix, long row, long col);
  }

  static Kernel<GemmF32.Arguments> of(GemmF32.Spec spec) {
    return of(spec, Matrix::getFloat);
  }

  /** Returns the kernel for factors of a type; C and the bias are F32. */
  static Kernel<GemmF32.Arguments> of(GemmF32.Spec spec, Factor factor) {
    return (args, pool) -> {
      GemmF32.Batch batch = args.batch();
      for (long i = 0; i < batch.count(); i++) {
        Matrix a = shifted(args.a(), batch.offsetA(i));
        Matrix b = shifted(args.b(), batch.offsetB(i));
        Matrix c = shifted(args.c(), batch.offsetC(i));
        multiply(spec, factor, a, b, c, args.bias(), args.k(spec));
      }
    };
  }

  private static Matrix shifted(Matrix m, long elements) {
    long offset = m.offsetBytes() + elements * m.type().bytes();
    return new Matrix(m.buffer(), m.type(), offset, m.rows(), m.cols(), m.rowStride());
  }

  private static void multiply(
      GemmF32.Spec spec, Factor factor, Matrix a, Matrix b, Matrix c, Matrix bias, long k) {
    for (long i = 0; i < c.rows(); i++) {
      for (long j = 0; j < c.cols(); j++) {
        double sum = 0;
        for (long p = 0; p < k; p++) {
          double left = spec.transA() ? factor.get(a, p, i) : factor.get(a, i, p);
          sum += left * (spec.transB() ? factor.get(b, j, p) : factor.get(b, p, j));
        }
        double value = spec.alpha() * sum;
        if (spec.beta() != 0) {
          value += (double) spec.beta() * c.getFloat(i, j);
        }
        if (bias != null) {
          value += bias.getFloat(0, j);
        }
        c.setFloat(i, j, (float) activated(spec.epilogue(), value));
      }
    }
  }

  private static double activated(GemmF32.Epilogue epilogue, double value) {
    return switch (epilogue) {
      case NONE, BIAS -> value;
      case BIAS_GELU -> ScalarGelu.value(Gelu.Form.ERF, value);
      case BIAS_RELU -> Math.max(0, value);
    };
  }
}

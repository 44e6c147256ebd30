// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.kernels.op.Kernel;

/**
 * gemm_ternary, reference. y = x W^T scale + bias; with int8 activations q = round(x (127 / top)),
 * top = max |x| of the row, sum = q W^T, y = sum (top / 127) scale + bias.
 *
 * <p>x f32 [m, k], W packed [n, k], scale f32 [1, 1] or [1, n], bias f32 [1, n], y f32 [m, n], acc
 * i32 [m, n], any row stride; y and acc separate memory. Weights are unpacked one at a time. F32:
 * sums in double, where a weight of 0 times NaN or infinity is NaN; I8_ROW: sums in int32, q and
 * top / 127 in float32. Scales and bias in double, one rounding at the end. A row of zeros, or one
 * too small for 127 / top, has q = 0; a row with NaN or infinity has q = 0 and y = NaN. k = 0 gives
 * the bias. One thread. 2 m n k operations; reads 4 m k + n k / 4 bytes, writes 4 m n.
 */
final class ScalarGemmTernary {
  private static final int LARGEST = 127;

  private ScalarGemmTernary() {}

  static Kernel<GemmTernary.Arguments> of(GemmTernary.Spec spec) {
    boolean quantized = spec.activations() == Activations.I8_ROW;
    return (args, pool) -> {
      for (long i = 0; i < args.m(); i++) {
        if (quantized) {
          quantizedRow(args, i);
        } else {
          plainRow(args, i);
        }
      }
    };
  }

  private static void plainRow(GemmTernary.Arguments args, long i) {
    for (long j = 0; j < args.n(); j++) {
      double sum = 0;
      for (long p = 0; p < args.k(); p++) {
        sum += (double) args.x().getFloat(i, p) * args.weights().weight(j, p);
      }
      write(args, i, j, sum);
    }
  }

  private static void quantizedRow(GemmTernary.Arguments args, long i) {
    float top = 0;
    for (long p = 0; p < args.k(); p++) {
      top = Math.max(top, Math.abs(args.x().getFloat(i, p)));
    }
    byte[] codes = codes(args.x(), i, top);
    // NaN where top is NaN or infinite: a sum of 0 times it is NaN, too.
    float step = top / LARGEST;
    for (long j = 0; j < args.n(); j++) {
      int sum = 0;
      for (int p = 0; p < codes.length; p++) {
        sum += codes[p] * args.weights().weight(j, p);
      }
      if (args.acc() != null) {
        args.acc().setInt(i, j, sum);
      }
      write(args, i, j, (double) sum * step);
    }
  }

  private static byte[] codes(Matrix x, long row, float top) {
    byte[] codes = new byte[(int) x.cols()];
    float factor = LARGEST / top;
    if (factor > 0 && factor < Float.POSITIVE_INFINITY) {
      for (int p = 0; p < codes.length; p++) {
        codes[p] = (byte) Math.rint(x.getFloat(row, p) * factor);
      }
    }
    return codes;
  }

  private static void write(GemmTernary.Arguments args, long i, long j, double sum) {
    double value = sum * args.scale().getFloat(0, args.scale().cols() == 1 ? 0 : j);
    if (args.bias() != null) {
      value += args.bias().getFloat(0, j);
    }
    args.y().setFloat(i, j, (float) value);
  }
}

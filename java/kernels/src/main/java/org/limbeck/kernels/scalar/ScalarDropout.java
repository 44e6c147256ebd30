// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Dropout;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.random.Philox;

/**
 * dropout, reference. y = residual + keep x / (1 - p); gradX = keep gradY / (1 - p). Element i = r
 * cols + c is kept if word i mod 4 of Philox block i / 4 is at least round(p 2^32).
 *
 * <p>x, residual, y, gradY, gradX f32 [rows, cols], any row stride; residual may be null; y may be
 * x or residual, gradX may be gradY. A dropped element is exactly 0 (the residual alone), also
 * where x is NaN or infinite. One multiplication and one addition in float, so that all backends
 * agree to the bit. One thread. A Philox block an element; reads rows cols (with a residual twice
 * that), writes rows cols floats.
 */
final class ScalarDropout {
  private ScalarDropout() {}

  static Kernel<Dropout.Forward> forward(Dropout.Spec spec) {
    return (a, pool) -> {
      Matrix x = a.x();
      for (long r = 0; r < x.rows(); r++) {
        for (long c = 0; c < x.cols(); c++) {
          boolean kept = isKept(spec, a.seed(), a.stream(), r * x.cols() + c);
          float scaled = x.getFloat(r, c) * spec.keptScale();
          float y;
          if (a.residual() == null) {
            y = kept ? scaled : 0;
          } else {
            float residual = a.residual().getFloat(r, c);
            y = kept ? residual + scaled : residual;
          }
          a.y().setFloat(r, c, y);
        }
      }
    };
  }

  static Kernel<Dropout.Backward> backward(Dropout.Spec spec) {
    return (a, pool) -> {
      Matrix gradY = a.gradY();
      for (long r = 0; r < gradY.rows(); r++) {
        for (long c = 0; c < gradY.cols(); c++) {
          boolean kept = isKept(spec, a.seed(), a.stream(), r * gradY.cols() + c);
          a.gradX().setFloat(r, c, kept ? gradY.getFloat(r, c) * spec.keptScale() : 0);
        }
      }
    };
  }

  private static boolean isKept(Dropout.Spec spec, long seed, long stream, long element) {
    int word = Philox.word(seed, stream, element / 4, (int) (element % 4));
    return Integer.toUnsignedLong(word) >= spec.threshold();
  }
}

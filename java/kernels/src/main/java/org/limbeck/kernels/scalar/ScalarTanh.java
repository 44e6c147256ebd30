// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Tanh;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * tanh, reference. y = tanh x; gradX = gradY (1 - y^2), written (1 - y) (1 + y), from the outputs.
 *
 * <p>x, y, gradY, gradX f32 [rows, cols], any row stride; y of the forward operation may be x,
 * gradX may be gradY. +-infinity gives +-1 with slope 0, NaN gives NaN, -0 gives -0. In double, one
 * rounding at the end. One thread. One tanh an element (backward four flops); reads rows cols
 * (backward twice that), writes rows cols floats.
 */
final class ScalarTanh {
  private ScalarTanh() {}

  static void forward(Elementwise.Forward a, WorkerPool pool) {
    Matrix x = a.x();
    for (long r = 0; r < x.rows(); r++) {
      for (long c = 0; c < x.cols(); c++) {
        a.y().setFloat(r, c, (float) Math.tanh(x.getFloat(r, c)));
      }
    }
  }

  static void backward(Tanh.Backward a, WorkerPool pool) {
    for (long r = 0; r < a.y().rows(); r++) {
      for (long c = 0; c < a.y().cols(); c++) {
        double y = a.y().getFloat(r, c);
        double slope = (1 - y) * (1 + y);
        a.gradX().setFloat(r, c, (float) (a.gradY().getFloat(r, c) * slope));
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * relu, reference. y = max(x, 0); gradX = gradY where x is above 0, and 0 elsewhere.
 *
 * <p>x, y, gradY, gradX f32 [rows, cols], any row stride; y may be x, gradX may be gradY. -0 gives
 * +0, NaN gives NaN and passes no gradient. Exact. One thread. One comparison an element; reads
 * rows cols (backward twice that), writes rows cols floats.
 */
final class ScalarRelu {
  private ScalarRelu() {}

  static void forward(Elementwise.Forward a, WorkerPool pool) {
    Matrix x = a.x();
    for (long r = 0; r < x.rows(); r++) {
      for (long c = 0; c < x.cols(); c++) {
        a.y().setFloat(r, c, Math.max(x.getFloat(r, c), 0f));
      }
    }
  }

  static void backward(Elementwise.Backward a, WorkerPool pool) {
    Matrix x = a.x();
    for (long r = 0; r < x.rows(); r++) {
      for (long c = 0; c < x.cols(); c++) {
        a.gradX().setFloat(r, c, x.getFloat(r, c) > 0 ? a.gradY().getFloat(r, c) : 0f);
      }
    }
  }
}

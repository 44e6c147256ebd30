// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * softmax, reference. y_j = exp(x_j - max x) / sum_k exp(x_k - max x); dx_j = y_j (dy_j - sum_k
 * dy_k y_k).
 *
 * <p>x, y, gradX, gradY f32 [rows, cols], any row stride; y may be x, gradX may be gradY. A row of
 * -infinity gives 0; NaN or +infinity makes its row NaN. Sums in double, one rounding at the end.
 * One thread. 3 rows cols flops and an exp each; reads rows cols, writes rows cols floats.
 */
final class ScalarSoftmax {
  private ScalarSoftmax() {}

  static void forward(Softmax.Forward a, WorkerPool pool) {
    Matrix x = a.x();
    for (long r = 0; r < x.rows(); r++) {
      double max = Double.NEGATIVE_INFINITY;
      for (long c = 0; c < x.cols(); c++) {
        max = Math.max(max, x.getFloat(r, c));
      }
      double sum = 0;
      for (long c = 0; c < x.cols(); c++) {
        sum += ScalarMath.expBelow(x.getFloat(r, c), max);
      }
      for (long c = 0; c < x.cols(); c++) {
        double y =
            max == Double.NEGATIVE_INFINITY ? 0 : ScalarMath.expBelow(x.getFloat(r, c), max) / sum;
        a.y().setFloat(r, c, (float) y);
      }
    }
  }

  static void backward(Softmax.Backward a, WorkerPool pool) {
    Matrix y = a.y();
    for (long r = 0; r < y.rows(); r++) {
      double dot = 0;
      for (long c = 0; c < y.cols(); c++) {
        dot += (double) a.gradY().getFloat(r, c) * y.getFloat(r, c);
      }
      for (long c = 0; c < y.cols(); c++) {
        double g = y.getFloat(r, c) * (a.gradY().getFloat(r, c) - dot);
        a.gradX().setFloat(r, c, (float) g);
      }
    }
  }
}

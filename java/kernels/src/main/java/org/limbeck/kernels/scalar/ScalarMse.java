// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Mse;

/**
 * mse, reference. l = sum_j (f(s_j) - f(t_j))^2 / cols with f(x) = 0 at or below the floor and x
 * above it; ds_j = 2 (f(s_j) - f(t_j)) / cols above the floor, 0 at or below it.
 *
 * <p>student, teacher, gradStudent f32 [rows, cols], any row stride; gradStudent may be student.
 * rowLoss, loss f64. NaN is never at or below the floor: it makes its row loss NaN. Differences in
 * float, sums in double. One thread. 3 rows cols flops; reads 2 rows cols, writes rows cols floats.
 */
final class ScalarMse extends ScalarRowLoss {
  private final float floor;

  ScalarMse(Mse.Spec spec) {
    super(spec.normaliser());
    floor = spec.floor();
  }

  @Override
  double loss(Matrix student, Matrix teacher, long row) {
    double sum = 0;
    for (long c = 0; c < student.cols(); c++) {
      double d = floored(student.getFloat(row, c)) - floored(teacher.getFloat(row, c));
      sum += d * d;
    }
    return sum / student.cols();
  }

  @Override
  void gradient(Matrix student, Matrix teacher, long row, double coefficient, Matrix gradStudent) {
    for (long c = 0; c < student.cols(); c++) {
      float s = student.getFloat(row, c);
      float d = floored(s) - floored(teacher.getFloat(row, c));
      double g = atFloor(s) ? 0 : 2 * coefficient * d / student.cols();
      gradStudent.setFloat(row, c, (float) g);
    }
  }

  private float floored(float x) {
    return atFloor(x) ? 0 : x;
  }

  // A floor of -infinity is none: then even -infinity is above it.
  private boolean atFloor(float x) {
    return floor > Float.NEGATIVE_INFINITY && x <= floor;
  }
}

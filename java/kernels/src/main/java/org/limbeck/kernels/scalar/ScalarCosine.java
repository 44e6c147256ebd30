// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Cosine;

/**
 * cosine, reference. With c = s.t / (|s| |t|): l = 1 - c, 1 - c^2 or 2 (1 - c); ds = -m (t / |t| -
 * c s / |s|) / |s| with m = 1, 2c or 2.
 *
 * <p>student, teacher, gradStudent f32 [rows, cols], any row stride; gradStudent may be student.
 * rowLoss, loss f64. A zero vector on either side: c = 0, ds = 0. NaN or infinity makes its row
 * NaN. All in double, one rounding at the end. One thread. 9 rows cols flops; reads 2 rows cols
 * floats, twice with a gradient; writes rows cols floats.
 */
final class ScalarCosine extends ScalarRowLoss {
  private final Cosine.Mode mode;

  ScalarCosine(Cosine.Spec spec) {
    super(spec.normaliser());
    mode = spec.mode();
  }

  @Override
  double loss(Matrix student, Matrix teacher, long row) {
    double c = cosine(student, teacher, row);
    return switch (mode) {
      case ONE_MINUS_COS -> 1 - c;
      case ONE_MINUS_COS_SQUARED -> 1 - c * c;
      case NORMALISED_MSE -> 2 * (1 - c);
    };
  }

  @Override
  void gradient(Matrix student, Matrix teacher, long row, double coefficient, Matrix gradStudent) {
    double c = cosine(student, teacher, row);
    double multiple =
        switch (mode) {
          case ONE_MINUS_COS -> 1;
          case ONE_MINUS_COS_SQUARED -> 2 * c;
          case NORMALISED_MSE -> 2;
        };
    double s = Math.sqrt(dot(student, student, row));
    double t = Math.sqrt(dot(teacher, teacher, row));
    boolean zero = s * t == 0;
    for (long j = 0; j < student.cols(); j++) {
      double g = teacher.getFloat(row, j) / t - c * student.getFloat(row, j) / s;
      gradStudent.setFloat(row, j, zero ? 0 : (float) (-coefficient * multiple * g / s));
    }
  }

  private static double cosine(Matrix student, Matrix teacher, long row) {
    double product = dot(student, teacher, row);
    double squares = dot(student, student, row) * dot(teacher, teacher, row);
    // sqrt(x * x) is x, so that equal rows have a loss of exactly 0.
    double c = squares == 0 ? 0 : product / Math.sqrt(squares);
    return Math.max(-1, Math.min(1, c));
  }

  private static double dot(Matrix a, Matrix b, long row) {
    double sum = 0;
    for (long j = 0; j < a.cols(); j++) {
      sum += (double) a.getFloat(row, j) * b.getFloat(row, j);
    }
    return sum;
  }
}

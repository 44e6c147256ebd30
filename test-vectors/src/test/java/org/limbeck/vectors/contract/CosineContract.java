// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Cosine;
import org.limbeck.kernels.op.Normaliser;

/** The contract of cosine. */
public abstract class CosineContract extends RowLossContract<Cosine.Spec> {
  /** Tests a backend. */
  protected CosineContract(String backend) {
    super(backend, Cosine.OP);
  }

  @Override
  List<Cosine.Spec> specs(Normaliser normaliser) {
    return Arrays.stream(Cosine.Mode.values()).map(m -> new Cosine.Spec(m, normaliser)).toList();
  }

  @Override
  double loss(Cosine.Spec spec, double[] student, double[] teacher) {
    double product = 0;
    double s = 0;
    double t = 0;
    for (int c = 0; c < student.length; c++) {
      product += student[c] * teacher[c];
      s += student[c] * student[c];
      t += teacher[c] * teacher[c];
    }
    double cosine = product / Math.sqrt(s) / Math.sqrt(t);
    return switch (spec.mode()) {
      case ONE_MINUS_COS -> 1 - cosine;
      case ONE_MINUS_COS_SQUARED -> 1 - cosine * cosine;
      case NORMALISED_MSE -> 2 * (1 - cosine);
    };
  }

  /** A sum in double of cols terms whose absolute values sum to at most 1 after the division. */
  @Override
  double lossBound(long cols, double loss) {
    return (cols + 16) * 0x1p-52 * (1 + loss);
  }

  /**
   * One rounding to float, and the roundings in double of two terms of at most 4 / |s| that cancel.
   */
  @Override
  double gradientBound(Outputs want, Matrix student, Matrix teacher, long row, long col) {
    double squares = 0;
    for (long c = 0; c < student.cols(); c++) {
      squares += (double) student.getFloat(row, c) * student.getFloat(row, c);
    }
    return Math.ulp(want.grad().getFloat(row, col))
        + (student.cols() + 16) * 0x1p-52 * 8 / Math.sqrt(squares);
  }

  @Test
  void zeroVectorsHaveCosineZeroAndNoGradient() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix zero = t.zeros(DType.F32, 1, 37);
      Matrix x = t.normal(1, 37, 1);
      for (Cosine.Spec spec : specs(Normaliser.SUM)) {
        double want = spec.mode() == Cosine.Mode.NORMALISED_MSE ? 2 : 1;
        for (List<Matrix> pair : List.of(List.of(zero, x), List.of(x, zero), List.of(zero, zero))) {
          Outputs out = Outputs.of(t, 1, 37);
          out.grad().copyFrom(x);
          run(spec, out.arguments(pair.get(0), pair.get(1), null));
          assertEquals(want, out.loss().getDouble(0, 0), spec.toString());
          assertSameBits(zero, out.grad(), spec + ": gradient");
        }
      }
    }
  }

  @Test
  void gradientIsOrthogonalToTheStudentAndScaleDoesNotMatter() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix student = t.normal(1, 65, 1);
      Matrix teacher = t.normal(1, 65, 1);
      Matrix scaled = t.zeros(DType.F32, 1, 65);
      for (long c = 0; c < 65; c++) {
        scaled.setFloat(0, c, 0x1p100f * teacher.getFloat(0, c));
      }
      for (Cosine.Spec spec : specs(Normaliser.SUM)) {
        Outputs out = Outputs.of(t, 1, 65);
        Outputs other = Outputs.of(t, 1, 65);
        run(spec, out.arguments(student, teacher, null));
        run(spec, other.arguments(student, scaled, null));
        assertEquals(out.loss().getDouble(0, 0), other.loss().getDouble(0, 0), spec.toString());
        double along = 0;
        double magnitude = 0;
        for (long c = 0; c < 65; c++) {
          double product = (double) out.grad().getFloat(0, c) * student.getFloat(0, c);
          along += product;
          magnitude += Math.abs(product);
        }
        assertEquals(0, along, 0x1p-24 * magnitude, spec.toString());
      }
    }
  }
}

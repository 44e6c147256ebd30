// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Mse;
import org.limbeck.kernels.op.Normaliser;

/** The contract of mse. */
public abstract class MseContract extends RowLossContract<Mse.Spec> {
  private static final float FLOOR = -1;

  /** Tests a backend. */
  protected MseContract(String backend) {
    super(backend, Mse.OP);
  }

  @Override
  List<Mse.Spec> specs(Normaliser normaliser) {
    return List.of(Mse.Spec.of(normaliser), new Mse.Spec(normaliser, FLOOR));
  }

  @Override
  double loss(Mse.Spec spec, double[] student, double[] teacher) {
    double sum = 0;
    for (int c = 0; c < student.length; c++) {
      double s = student[c] <= spec.floor() ? 0 : student[c];
      double t = teacher[c] <= spec.floor() ? 0 : teacher[c];
      sum += (s - t) * (s - t);
    }
    return sum / student.length;
  }

  /** Differences are rounded to float; a sum of cols non-negative terms in double. */
  @Override
  double lossBound(long cols, double loss) {
    return (0x1p-23 + (cols + 16) * 0x1p-52) * loss;
  }

  @Override
  double gradientBound(Outputs want, Matrix student, Matrix teacher, long row, long col) {
    return 2 * Math.ulp(want.grad().getFloat(row, col));
  }

  @Test
  void valuesAtTheFloorCountAsZeroAndPassNoGradient() {
    float inf = Float.POSITIVE_INFINITY;
    float[] students = {-1, -0.9999f, -2, -1, 3, -inf, -5};
    float[] teachers = {2, -1, -3, 1, -7, -inf, Float.MIN_VALUE};
    double[] terms = {4, (double) 0.9999f * 0.9999f, 0, 1, 9, 0, 0};
    double[] grads = {0, 2 * -0.9999f, 0, 0, 6, 0, 0};
    // Each at every position of a row longer than two vectors, among values that cancel.
    for (int i = 0; i < students.length; i++) {
      for (int at = 0; at < 37; at++) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix student = t.zeros(DType.F32, 1, 37);
          Matrix teacher = t.zeros(DType.F32, 1, 37);
          student.setFloat(0, at, students[i]);
          teacher.setFloat(0, at, teachers[i]);
          Outputs out = Outputs.of(t, 1, 37);
          run(new Mse.Spec(Normaliser.SUM, FLOOR), out.arguments(student, teacher, null));
          String what = students[i] + " against " + teachers[i] + " at " + at;
          assertEquals(terms[i] / 37, out.loss().getDouble(0, 0), 1e-15, what);
          assertEquals(grads[i] / 37, out.grad().getFloat(0, at), 1e-7, what);
          assertEquals(0, out.grad().getFloat(0, (at + 1) % 37), what);
        }
      }
    }
  }

  @Test
  void withoutAFloorMinusInfinityIsAValue() {
    for (int at : new int[] {0, 36}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix student = t.zeros(DType.F32, 1, 37);
        Matrix teacher = t.zeros(DType.F32, 1, 37);
        student.setFloat(0, at, Float.NEGATIVE_INFINITY);
        Outputs out = Outputs.of(t, 1, 37);
        run(Mse.Spec.of(Normaliser.SUM), out.arguments(student, teacher, null));
        assertEquals(Double.POSITIVE_INFINITY, out.loss().getDouble(0, 0));
        assertEquals(Float.NEGATIVE_INFINITY, out.grad().getFloat(0, at));
      }
    }
  }

  @Test
  void notANumberIsInOneElementOfTheGradientAlone() {
    for (float floor : new float[] {Float.NEGATIVE_INFINITY, FLOOR}) {
      for (boolean inStudent : new boolean[] {true, false}) {
        for (int at : new int[] {0, 15, 36}) {
          try (Tensors t = Tensors.aligned(SEED)) {
            Matrix student = t.zeros(DType.F32, 1, 37);
            Matrix teacher = t.zeros(DType.F32, 1, 37);
            for (int c = 0; c < 37; c++) {
              student.setFloat(0, c, 37);
            }
            (inStudent ? student : teacher).setFloat(0, at, Float.NaN);
            Outputs out = Outputs.of(t, 1, 37);
            run(new Mse.Spec(Normaliser.SUM, floor), out.arguments(student, teacher, null));
            assertTrue(Double.isNaN(out.loss().getDouble(0, 0)));
            for (int c = 0; c < 37; c++) {
              assertEquals(c == at ? Float.NaN : 2f, out.grad().getFloat(0, c), 1e-6f, "at " + c);
            }
          }
        }
      }
    }
  }

  @Test
  void notANumberAgainstAStudentAtTheFloorPassesNoGradient() {
    for (int at : new int[] {0, 36}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix student = t.zeros(DType.F32, 1, 37);
        Matrix teacher = t.zeros(DType.F32, 1, 37);
        student.setFloat(0, at, FLOOR);
        teacher.setFloat(0, at, Float.NaN);
        Outputs out = Outputs.of(t, 1, 37);
        run(new Mse.Spec(Normaliser.SUM, FLOOR), out.arguments(student, teacher, null));
        assertTrue(Double.isNaN(out.loss().getDouble(0, 0)));
        assertEquals(0f, out.grad().getFloat(0, at));
      }
    }
  }

  @Test
  void infinitiesOfOneSignHaveNoDifference() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix student = t.zeros(DType.F32, 1, 37);
      Matrix teacher = t.zeros(DType.F32, 1, 37);
      student.setFloat(0, 3, Float.POSITIVE_INFINITY);
      teacher.setFloat(0, 3, Float.POSITIVE_INFINITY);
      Outputs out = Outputs.of(t, 1, 37);
      run(Mse.Spec.of(Normaliser.SUM), out.arguments(student, teacher, null));
      assertTrue(Double.isNaN(out.loss().getDouble(0, 0)));
      assertTrue(Float.isNaN(out.grad().getFloat(0, 3)));
      assertEquals(0f, out.grad().getFloat(0, 4));
    }
  }

  @Test
  void refusesAFloorThatIsNoNumber() {
    assertThrows(InvalidArgumentException.class, () -> new Mse.Spec(Normaliser.SUM, Float.NaN));
  }
}

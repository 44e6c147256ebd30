// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.RowLoss;

/**
 * What the contracts of losses between rows share.
 *
 * @param <S> the specification
 */
abstract class RowLossContract<S> extends KernelContract {
  private final Op<S, RowLoss.Arguments> op;

  RowLossContract(String backend, Op<S, RowLoss.Arguments> op) {
    super(backend);
    this.op = op;
  }

  /** Returns a specification of each kind, with a normaliser. */
  abstract List<S> specs(Normaliser normaliser);

  /** Returns the loss of a row in double, from the formula and not from the library. */
  abstract double loss(S spec, double[] student, double[] teacher);

  /** Returns the bound of the difference of an element of the gradient from the reference. */
  abstract double gradientBound(Outputs want, Matrix student, Matrix teacher, long row, long col);

  /** Returns the bound of the difference of a loss from the reference. */
  abstract double lossBound(long cols, double loss);

  /** Returns student rows that the specification treats in all its ways. */
  Matrix student(Tensors t, long rows, long cols) {
    return t.normal(rows, cols, 2);
  }

  /** The outputs of a call. */
  record Outputs(Matrix grad, Matrix rowLoss, Matrix loss) {
    static Outputs of(Tensors t, long rows, long cols) {
      return new Outputs(
          t.zeros(DType.F32, rows, cols), t.zeros(DType.F64, 1, rows), t.zeros(DType.F64, 1, 1));
    }

    RowLoss.Arguments arguments(Matrix student, Matrix teacher, Matrix weight) {
      return new RowLoss.Arguments(student, teacher, weight, grad, rowLoss, loss);
    }

    void assertSame(Outputs other, String what) {
      assertSameBits(grad, other.grad, what + ": gradient");
      assertSameBits(rowLoss, other.rowLoss, what + ": row losses");
      assertSameBits(loss, other.loss, what + ": loss");
    }
  }

  final void run(S spec, RowLoss.Arguments a) {
    run(op, spec, a);
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    for (long cols : sizesAroundLanes()) {
      for (S spec : specs(Normaliser.MEAN_WEIGHTS)) {
        try (Tensors t = new Tensors(placement, SEED)) {
          Matrix student = student(t, 3, cols);
          Matrix teacher = student(t, 3, cols);
          Matrix weight = t.uniform(1, 3, 0.5, 2);
          Outputs want = Outputs.of(t, 3, cols);
          Outputs got = Outputs.of(t, 3, cols);
          run(spec, got.arguments(student, teacher, weight));
          runReference(op, spec, want.arguments(student, teacher, weight));
          for (long r = 0; r < 3; r++) {
            long row = r;
            double l = want.rowLoss().getDouble(0, r);
            assertWithin(
                l,
                got.rowLoss().getDouble(0, r),
                lossBound(cols, l),
                () -> spec + ": loss of row " + row + " of " + cols);
            for (long c = 0; c < cols; c++) {
              long col = c;
              assertWithin(
                  want.grad().getFloat(r, c),
                  got.grad().getFloat(r, c),
                  gradientBound(want, student, teacher, r, c),
                  () -> spec + ": gradient at (" + row + ", " + col + ") of " + cols);
            }
          }
          double l = want.loss().getDouble(0, 0);
          assertWithin(l, got.loss().getDouble(0, 0), lossBound(cols, l), () -> spec + ": loss");
          t.assertPaddingIntact();
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix student = student(t, 701, 257);
      Matrix teacher = student(t, 701, 257);
      Matrix weight = t.uniform(1, 701, 0, 1);
      for (S spec : specs(Normaliser.MEAN_WEIGHTS)) {
        Outputs one = Outputs.of(t, 701, 257);
        Outputs many = Outputs.of(t, 701, 257);
        run(1, op, spec, one.arguments(student, teacher, weight));
        run(threads, op, spec, many.arguments(student, teacher, weight));
        one.assertSame(many, spec.toString());
      }
    }
  }

  @Test
  void worksInPlaceAndWithoutSomeOutputs() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix student = student(t, 5, 37);
      Matrix teacher = student(t, 5, 37);
      for (S spec : specs(Normaliser.MEAN_ROWS)) {
        Outputs all = Outputs.of(t, 5, 37);
        run(spec, all.arguments(student, teacher, null));
        Outputs single = Outputs.of(t, 5, 37);
        run(spec, new RowLoss.Arguments(student, teacher, null, single.grad(), null, null));
        run(spec, new RowLoss.Arguments(student, teacher, null, null, single.rowLoss(), null));
        run(spec, new RowLoss.Arguments(student, teacher, null, null, null, single.loss()));
        all.assertSame(single, spec + ", one output at a time");
        Matrix over = t.copy(student);
        run(spec, new RowLoss.Arguments(over, teacher, null, over, null, null));
        assertSameBits(all.grad(), over, spec + ", gradient over the student");
      }
    }
  }

  @Test
  void gradientMatchesCentralDifferences() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix student = student(t, 3, 7);
      Matrix teacher = student(t, 3, 7);
      Matrix weight = t.uniform(1, 3, 0.5, 2);
      double[][] to = GradientCheck.toDoubles(teacher);
      for (S spec : specs(Normaliser.of(2.5))) {
        Outputs out = Outputs.of(t, 3, 7);
        run(spec, out.arguments(student, teacher, weight));
        GradientCheck.check(
            student,
            out.grad(),
            x -> {
              double sum = 0;
              for (int r = 0; r < 3; r++) {
                sum += weight.getFloat(0, r) * loss(spec, x[r], to[r]) / 2.5;
              }
              return sum;
            },
            spec.toString(),
            SEED);
      }
    }
  }

  @Test
  void rowsOfWeightZeroAreNotRead() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix student = student(t, 3, 19);
      Matrix teacher = student(t, 3, 19);
      for (long c = 0; c < 19; c++) {
        student.setFloat(1, c, Float.NaN);
        teacher.setFloat(1, c, Float.POSITIVE_INFINITY);
      }
      Matrix weight = t.uniform(1, 3, 1, 2);
      weight.setFloat(0, 1, 0);
      for (S spec : specs(Normaliser.MEAN_WEIGHTS)) {
        Outputs out = Outputs.of(t, 3, 19);
        run(spec, out.arguments(student, teacher, weight));
        assertEquals(0, out.rowLoss().getDouble(0, 1));
        assertTrue(Double.isFinite(out.loss().getDouble(0, 0)), spec.toString());
        for (long c = 0; c < 19; c++) {
          assertEquals(0, out.grad().getFloat(1, c));
          assertTrue(Float.isFinite(out.grad().getFloat(0, c)));
        }
      }
    }
  }

  @Test
  void notANumberStaysInItsRow() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix student = student(t, 3, 19);
      Matrix teacher = student(t, 3, 19);
      student.setFloat(0, 2, Float.NaN);
      teacher.setFloat(1, 18, Float.NaN);
      for (S spec : specs(Normaliser.SUM)) {
        Outputs out = Outputs.of(t, 3, 19);
        run(spec, out.arguments(student, teacher, null));
        assertTrue(Double.isNaN(out.rowLoss().getDouble(0, 0)), spec.toString());
        assertTrue(Double.isNaN(out.rowLoss().getDouble(0, 1)), spec.toString());
        assertTrue(Double.isFinite(out.rowLoss().getDouble(0, 2)), spec.toString());
        assertTrue(Double.isNaN(out.loss().getDouble(0, 0)), spec.toString());
        assertTrue(Float.isNaN(out.grad().getFloat(0, 2)), spec.toString());
        for (long c = 0; c < 19; c++) {
          assertTrue(Float.isFinite(out.grad().getFloat(2, c)), spec.toString());
        }
      }
    }
  }

  @Test
  void divisorZeroGivesZeroWhateverTheRowsHold() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix student = t.normal(2, 19, 1);
      Matrix teacher = t.normal(2, 19, 1);
      teacher.setFloat(0, 3, Float.NaN);
      for (S spec : specs(Normaliser.of(0))) {
        Outputs out = Outputs.of(t, 2, 19);
        out.loss().setDouble(0, 0, 7);
        out.grad().copyFrom(student);
        run(spec, out.arguments(student, teacher, null));
        assertEquals(0.0, out.loss().getDouble(0, 0));
        assertSameBits(t.zeros(DType.F32, 2, 19), out.grad(), "gradient");
        assertTrue(Double.isNaN(out.rowLoss().getDouble(0, 0)));
      }
    }
  }

  @Test
  void equalRowsHaveNoLoss() {
    try (Tensors t = Tensors.aligned(SEED)) {
      for (long cols : sizesAroundLanes()) {
        Matrix student = student(t, 1, cols);
        Matrix other = student(t, 1, cols);
        for (S spec : specs(Normaliser.SUM)) {
          Outputs out = Outputs.of(t, 1, cols);
          run(spec, out.arguments(student, t.copy(student), null));
          assertEquals(0, out.loss().getDouble(0, 0), spec + " of " + cols);
          run(spec, out.arguments(student, other, null));
          assertTrue(out.loss().getDouble(0, 0) >= 0, spec + " of " + cols);
        }
      }
    }
  }

  @Test
  void allocatesNothing() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix student = student(t, 4, 77);
      Matrix teacher = student(t, 4, 77);
      Matrix weight = t.uniform(1, 4, 0, 1);
      Outputs out = Outputs.of(t, 4, 77);
      for (S spec : specs(Normaliser.MEAN_WEIGHTS)) {
        assertNoAllocation(op, spec, out.arguments(student, teacher, weight));
      }
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(4, 8, 1);
      Matrix y = t.normal(4, 8, 1);
      Matrix weight = t.uniform(1, 4, 1, 2);
      Matrix negative = t.copy(weight);
      negative.setFloat(0, 2, -1);
      Outputs out = Outputs.of(t, 4, 8);
      assertRefused(out.arguments(x, null, null), "teacher: given null");
      assertRefused(out.arguments(x, t.normal(4, 7, 1), null), "teacher: given F32 [4, 7]");
      assertRefused(out.arguments(t.zeros(DType.F32, 0, 8), y, null), "student: given an empty");
      assertRefused(out.arguments(x, y, t.normal(1, 3, 1)), "rowWeight: given F32 [1, 3]");
      assertRefused(out.arguments(x, y, negative), "rowWeight: given -1.0 at position 2");
      assertRefused(
          new RowLoss.Arguments(x, y, null, y, null, null), "gradStudent: given memory that");
      assertRefused(
          new RowLoss.Arguments(x.rows(0, 3), y.rows(0, 3), null, x.rows(1, 4), null, null),
          "gradStudent: given memory that overlaps student in part");
      assertRefused(
          new RowLoss.Arguments(x, y, null, null, t.zeros(DType.F32, 1, 4), null),
          "rowLoss: given F32");
      assertRefused(
          new RowLoss.Arguments(x, y, null, null, null, t.zeros(DType.F64, 1, 2)),
          "loss: given F64 [1, 2]");
    }
  }

  private void assertRefused(RowLoss.Arguments a, String message) {
    S spec = specs(Normaliser.SUM).get(0);
    var e = assertThrows(InvalidArgumentException.class, () -> run(spec, a));
    assertTrue(e.getMessage().startsWith(op.toString()), e.getMessage());
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

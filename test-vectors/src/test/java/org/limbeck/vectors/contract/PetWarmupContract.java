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
import org.limbeck.kernels.op.PetWarmup;
import org.limbeck.kernels.op.PetWarmup.Arguments;
import org.limbeck.kernels.op.PetWarmup.Spec;

/** The contract of pet_warmup. */
public abstract class PetWarmupContract extends KernelContract {
  private static final Spec SPEC = new Spec(0, Normaliser.SUM);
  private static final Spec SMOOTHED = new Spec(0.1, Normaliser.MEAN_WEIGHTS);

  /** Tests a backend. */
  protected PetWarmupContract(String backend) {
    super(backend);
  }

  /** The tensors of a call. */
  private static final class Call {
    final Tensors tensors;
    final long rows;
    final long vocab;
    final Matrix student;
    final Matrix gold;
    final Matrix label;
    Matrix weight;
    Matrix grad;
    Matrix rowLoss;
    Matrix loss;

    Call(Tensors t, long rows, long vocab, double deviation) {
      tensors = t;
      this.rows = rows;
      this.vocab = vocab;
      student = t.normal(rows, vocab, deviation);
      gold = t.indices(rows, vocab);
      label = t.indices(rows, PetWarmup.CLASSES);
      newOutputs();
    }

    void newOutputs() {
      grad = tensors.zeros(DType.F32, rows, vocab);
      rowLoss = tensors.zeros(DType.F64, 1, rows);
      loss = tensors.zeros(DType.F64, 1, 1);
    }

    Call weighted() {
      weight = tensors.uniform(1, rows, 0.25, 2);
      return this;
    }

    /** Makes the gold token the largest logit in every other row. */
    Call goldOnTop() {
      for (long r = 0; r < rows; r += 2) {
        gold.setLong(0, r, argmax(r));
      }
      return this;
    }

    long argmax(long r) {
      long top = 0;
      for (long j = 1; j < vocab; j++) {
        top = student.getFloat(r, j) > student.getFloat(r, top) ? j : top;
      }
      return top;
    }

    Arguments arguments() {
      return new Arguments(student, gold, label, weight, grad, rowLoss, loss);
    }

    double loss() {
      return loss.getDouble(0, 0);
    }

    /** The loss in double from the four class probabilities, with the top tokens of the call. */
    double plainLoss(double smoothing, double divisor, double[][] z) {
      double total = 0;
      for (int r = 0; r < z.length; r++) {
        double sum = 0;
        for (double v : z[r]) {
          sum += Math.exp(v);
        }
        double c = Math.exp(z[r][(int) argmax(r)]) / sum;
        double a = Math.exp(z[r][(int) gold.getLong(0, r)]) / sum;
        double[] pi = {c * a, (1 - c) * a, c * (1 - a), (1 - c) * (1 - a)};
        for (int k = 0; k < pi.length; k++) {
          double target = k == label.getLong(0, r) ? 1 - smoothing : smoothing / 3;
          double w = weight == null ? 1 : weight.getFloat(0, r);
          total -= target == 0 ? 0 : w * target * Math.log(pi[k]) / divisor;
        }
      }
      return total;
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    for (long vocab : sizesAroundLanes()) {
      if (vocab < 2) {
        continue;
      }
      for (Spec spec : List.of(SPEC, SMOOTHED)) {
        try (Tensors t = new Tensors(placement, SEED)) {
          assertAgrees(spec, new Call(t, 8, vocab, 2).goldOnTop());
          assertAgrees(spec, new Call(t, 3, vocab, 12).weighted());
          t.assertPaddingIntact();
        }
      }
    }
  }

  private void assertAgrees(Spec spec, Call call) {
    run(PetWarmup.OP, spec, call.arguments());
    Matrix grad = call.grad;
    Matrix rowLoss = call.rowLoss;
    double loss = call.loss();
    call.newOutputs();
    runReference(PetWarmup.OP, spec, call.arguments());
    String what = "vocabulary of " + call.vocab + ", " + spec;
    assertWithin(call.loss(), loss, 1e-6 * call.loss(), () -> "loss, " + what);
    double factor = spec.normaliser().factor(call.rows, call.weight);
    for (long r = 0; r < call.rows; r++) {
      double want = call.rowLoss.getDouble(0, r);
      long row = r;
      assertWithin(
          want, rowLoss.getDouble(0, r), 1e-6 * want, () -> "loss of row " + row + ", " + what);
      // A gradient is the sum of (x - s) share of both pairs, of either sign. The share of the top
      // pair, exp(z_j) over the others than the top, is the larger one. exp of a distance d carries
      // |d| half-ulps, and log-sums as much.
      double scale = 2 * factor * (call.weight == null ? 1 : call.weight.getFloat(0, r));
      long top = call.argmax(r);
      double others = 0;
      for (long j = 0; j < call.vocab; j++) {
        double d = (double) call.student.getFloat(r, j) - call.student.getFloat(r, top);
        others += j == top ? 0 : Math.exp(d);
      }
      for (long j = 0; j < call.vocab; j++) {
        double expected = call.grad.getFloat(r, j);
        double distance = call.student.getFloat(r, top) - call.student.getFloat(r, j);
        double share = j == top ? 1 : Math.exp(-distance) / others;
        double parts = scale * (j == call.gold.getLong(0, r) ? 1 : share);
        long col = j;
        assertWithin(
            expected,
            grad.getFloat(r, j),
            0x1p-24 * (20 + 2 * distance) * parts + 1e-37,
            () -> "gradient at (" + row + ", " + col + "), " + what);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, 701, 257, 3).weighted();
      run(1, PetWarmup.OP, SMOOTHED, call.arguments());
      Matrix grad = call.grad;
      Matrix rowLoss = call.rowLoss;
      Matrix loss = call.loss;
      call.newOutputs();
      run(threads, PetWarmup.OP, SMOOTHED, call.arguments());
      assertSameBits(grad, call.grad, "gradient");
      assertSameBits(rowLoss, call.rowLoss, "row losses");
      assertSameBits(loss, call.loss, "loss");
    }
  }

  @Test
  void worksInPlaceAndWithEachOutputAlone() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, 6, 37, 3).goldOnTop();
      Matrix z = call.student;
      run(PetWarmup.OP, SPEC, call.arguments());
      Matrix grad = call.grad;
      Matrix rowLoss = call.rowLoss;
      Matrix loss = call.loss;
      call.newOutputs();
      run(
          PetWarmup.OP,
          SPEC,
          new Arguments(z, call.gold, call.label, null, null, call.rowLoss, null));
      assertSameBits(rowLoss, call.rowLoss, "row losses alone");
      run(PetWarmup.OP, SPEC, new Arguments(z, call.gold, call.label, null, null, null, call.loss));
      assertSameBits(loss, call.loss, "loss alone");
      run(PetWarmup.OP, SPEC, new Arguments(z, call.gold, call.label, null, z, null, null));
      assertSameBits(grad, z, "gradient over the logits");
    }
  }

  @Test
  void gradientRowsSumToZeroAndStayBounded() {
    for (double deviation : new double[] {1, 5, 30}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Call call = new Call(t, 40, 129, deviation).goldOnTop();
        run(PetWarmup.OP, SPEC, call.arguments());
        for (long r = 0; r < call.rows; r++) {
          double sum = 0;
          double norm = 0;
          for (long j = 0; j < call.vocab; j++) {
            sum += call.grad.getFloat(r, j);
            norm += Math.abs(call.grad.getFloat(r, j));
          }
          assertEquals(0, sum, 0x1p-24 * 60);
          // Per pair |x - s| at i and as much over the others.
          assertTrue(norm <= 4 + 1e-5, "norm " + norm);
        }
      }
    }
  }

  @Test
  void lossIsTheSumOverTheFourClasses() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, 1, 9, 2);
      double sum = 0;
      for (int k = 0; k < PetWarmup.CLASSES; k++) {
        call.label.setLong(0, 0, k);
        run(PetWarmup.OP, SPEC, call.arguments());
        sum += Math.exp(-call.loss());
      }
      assertEquals(1, sum, 1e-6);
    }
  }

  @Test
  void shiftDoesNotChangeABit() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, 4, 65, 3);
      for (long r = 0; r < 4; r++) {
        for (long j = 0; j < 65; j++) {
          call.student.setFloat(r, j, Math.round(call.student.getFloat(r, j) * 64) / 64f);
        }
      }
      run(PetWarmup.OP, SPEC, call.arguments());
      Matrix grad = call.grad;
      Matrix rowLoss = call.rowLoss;
      call.newOutputs();
      for (long r = 0; r < 4; r++) {
        for (long j = 0; j < 65; j++) {
          call.student.setFloat(r, j, call.student.getFloat(r, j) + 1024);
        }
      }
      run(PetWarmup.OP, SPEC, call.arguments());
      if (isReference()) {
        // It takes differences of log-sums, which carry the rounding of the shift in double.
        assertClose(grad, call.grad, 1e-6, 1e-12, "gradient of shifted logits");
      } else {
        assertSameBits(grad, call.grad, "gradient of shifted logits");
        assertSameBits(rowLoss, call.rowLoss, "row losses of shifted logits");
      }
    }
  }

  @Test
  void equalLogitsTakeTheLowestIndexAsTop() {
    try (Tensors t = Tensors.aligned(SEED)) {
      for (int vocab : new int[] {2, 5, 16, 47, 100}) {
        for (int first = 0; first < vocab; first += 3) {
          Call call = new Call(t, 1, vocab, 1);
          call.student.setFloat(0, first, 9);
          call.student.setFloat(0, vocab - 1, 9);
          call.gold.setLong(0, 0, vocab - 1);
          // Label 2 with certainty wants the top up and gold down: the sign tells which is which.
          call.label.setLong(0, 0, 2);
          run(PetWarmup.OP, SPEC, call.arguments());
          if (first < vocab - 1) {
            assertTrue(call.grad.getFloat(0, first) < 0, vocab + " " + first);
            assertTrue(call.grad.getFloat(0, vocab - 1) > 0, vocab + " " + first);
          }
        }
      }
    }
  }

  @Test
  void aNearCertainTopKeepsTheDigitsOfTheRest() {
    try (Tensors t = Tensors.aligned(SEED)) {
      for (float gap : new float[] {20, 60, 200, 1000}) {
        Call call = new Call(t, 1, 33, 1);
        for (int j = 0; j < 33; j++) {
          call.student.setFloat(0, j, j == 7 ? gap : 0);
        }
        call.gold.setLong(0, 0, 7);
        call.label.setLong(0, 0, 3);
        run(PetWarmup.OP, SPEC, call.arguments());
        // c = a; - 2 log(1 - c) = 2 (gap - log 32) up to exp(-gap).
        assertEquals(2 * (gap - Math.log(32)), call.loss(), 1e-6 * gap);
        assertEquals(2, call.grad.getFloat(0, 7), 1e-6);
        assertEquals(-2 / 32., call.grad.getFloat(0, 8), 1e-7);
        call.label.setLong(0, 0, 0);
        run(PetWarmup.OP, SPEC, call.arguments());
        double want = 2 * Math.log1p(32 * Math.exp(-gap));
        assertEquals(want, call.loss(), 1e-6 * want);
      }
    }
  }

  @Test
  void specialValuesStayInTheirRow() {
    float inf = Float.POSITIVE_INFINITY;
    float[][] rows = {
      {1, 2, 3}, {Float.NaN, 0, 1}, {inf, 0, 1}, {-inf, -inf, -inf}, {-inf, 0, -inf}, {0, 1, -inf}
    };
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, rows.length, 3, 1);
      for (int r = 0; r < rows.length; r++) {
        call.gold.setLong(0, r, 1);
        call.label.setLong(0, r, 0);
        for (int j = 0; j < 3; j++) {
          call.student.setFloat(r, j, rows[r][j]);
        }
      }
      run(PetWarmup.OP, SPEC, call.arguments());
      assertTrue(Double.isNaN(call.loss()));
      for (int r = 0; r < rows.length; r++) {
        boolean bad = r >= 1 && r <= 3;
        assertEquals(bad, Double.isNaN(call.rowLoss.getDouble(0, r)), "row loss " + r);
        for (int j = 0; j < 3; j++) {
          assertEquals(bad, Float.isNaN(call.grad.getFloat(r, j)), "gradient " + r + " " + j);
        }
      }
      // All certainty on the gold token, as its label wants: nothing to gain.
      assertEquals(0, call.rowLoss.getDouble(0, 4));
      assertEquals(0, call.grad.getFloat(4, 0), 0.0);
      assertEquals(0, call.grad.getFloat(4, 1), 0.0);
      assertEquals(0, call.grad.getFloat(5, 2), 0.0);
      call.label.setLong(0, 4, 1);
      call.weight = t.vector(rows.length);
      call.weight.setFloat(0, 4, 1);
      run(PetWarmup.OP, SPEC, call.arguments());
      assertEquals(Double.POSITIVE_INFINITY, call.loss());
      assertEquals(1, call.grad.getFloat(4, 1));
      assertEquals(0, call.grad.getFloat(4, 0), 0.0);
      // Rows of weight 0 are not read.
      for (int r : new int[] {0, 1, 2, 3, 5}) {
        assertEquals(0, call.rowLoss.getDouble(0, r));
        assertEquals(0, call.grad.getFloat(r, 0));
      }
    }
  }

  @Test
  void divisorZeroGivesZero() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, 2, 19, 1);
      call.grad.setFloat(1, 18, 5);
      run(PetWarmup.OP, new Spec(0, Normaliser.of(0)), call.arguments());
      assertEquals(0, call.loss());
      assertEquals(0, call.grad.getFloat(1, 18));
      assertTrue(call.rowLoss.getDouble(0, 1) > 0);
    }
  }

  @Test
  void gradientMatchesCentralDifferences() {
    for (double smoothing : new double[] {0, 0.1}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Call call = new Call(t, 8, 7, 1).goldOnTop().weighted();
        for (int r = 0; r < 8; r++) {
          call.label.setLong(0, r, r / 2);
        }
        run(PetWarmup.OP, new Spec(smoothing, Normaliser.of(5)), call.arguments());
        GradientCheck.check(
            call.student,
            call.grad,
            z -> call.plainLoss(smoothing, 5, z),
            "pet_warmup, smoothing " + smoothing,
            SEED);
        double want = call.plainLoss(smoothing, 5, GradientCheck.toDoubles(call.student));
        assertEquals(want, call.loss(), 1e-6 * want);
      }
    }
  }

  @Test
  void allocatesNothing() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, 4, 77, 1).goldOnTop();
      assertNoAllocation(PetWarmup.OP, SPEC, call.arguments());
      Arguments lossOnly =
          new Arguments(call.student, call.gold, call.label, null, null, null, call.loss);
      assertNoAllocation(PetWarmup.OP, SMOOTHED, lossOnly);
    }
  }

  @Test
  void refusesBadArguments() {
    assertThrows(InvalidArgumentException.class, () -> new Spec(1, Normaliser.SUM));
    assertThrows(InvalidArgumentException.class, () -> new Spec(-0.1, Normaliser.SUM));
    try (Tensors t = Tensors.aligned(SEED)) {
      assertRefused(new Call(t, 3, 1, 1), "student: given");
      Call call = new Call(t, 3, 5, 1);
      call.gold.setLong(0, 1, 5);
      assertRefused(call, "gold: given 5 at position 1");
      call = new Call(t, 3, 5, 1);
      call.label.setLong(0, 2, -1);
      assertRefused(call, "label: given -1 at position 2");
      call.label.setLong(0, 2, 4);
      assertRefused(call, "label: given 4 at position 2");
      call = new Call(t, 3, 5, 1).weighted();
      call.weight.setFloat(0, 0, Float.POSITIVE_INFINITY);
      assertRefused(call, "rowWeight: given Infinity");
      call = new Call(t, 3, 5, 1);
      call.grad = t.zeros(DType.F32, 3, 6);
      assertRefused(call, "gradStudent: given F32 [3, 6]");
      call = new Call(t, 3, 5, 1);
      call.loss = null;
      call.rowLoss = t.zeros(DType.F64, 1, 2);
      assertRefused(call, "rowLoss: given F64 [1, 2]");
    }
  }

  private void assertRefused(Call call, String message) {
    var e =
        assertThrows(
            InvalidArgumentException.class, () -> run(PetWarmup.OP, SPEC, call.arguments()));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

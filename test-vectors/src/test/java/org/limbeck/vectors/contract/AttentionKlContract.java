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
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.AttentionKl.Arguments;
import org.limbeck.kernels.op.AttentionKl.Spec;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Softmax;

/** The contract of attention_kl from scores. */
public abstract class AttentionKlContract extends KernelContract {
  private static final Spec SPEC = Spec.DEFAULT;
  private static final Spec PAPER = SPEC.withClamp(1e-8);

  /** Tests a backend. */
  protected AttentionKlContract(String backend) {
    super(backend);
  }

  /** The tensors of a call. */
  private static final class Call {
    final AttentionShape shape;
    final Matrix student;
    final Matrix teacher;
    final Matrix grad;
    final Matrix loss;
    Matrix lengths;
    Matrix mask;

    Call(Tensors t, AttentionShape shape, double deviation) {
      this.shape = shape;
      student = t.normal(shape.rows(), shape.keys(), deviation);
      teacher = t.normal(shape.rows(), shape.keys(), deviation);
      grad = t.zeros(DType.F32, shape.rows(), shape.keys());
      loss = t.zeros(DType.F64, 1, 1);
    }

    Call lengths(Tensors t, int... values) {
      lengths = t.zeros(DType.I32, 1, values.length);
      for (int b = 0; b < values.length; b++) {
        lengths.setInt(0, b, values[b]);
      }
      return this;
    }

    Call mask(Tensors t, double share) {
      mask = t.mask(shape.batch() * shape.queries(), shape.keys(), share);
      return this;
    }

    Arguments arguments() {
      return into(grad, loss);
    }

    Arguments into(Matrix otherGrad, Matrix otherLoss) {
      return new Arguments(shape, student, teacher, lengths, mask, otherGrad, otherLoss);
    }

    double loss() {
      return loss.getDouble(0, 0);
    }

    // What is real, from the words of the contract.

    long realQueries(long r) {
      boolean limited = lengths != null && shape.queries() == shape.keys();
      return limited ? lengths.getInt(0, example(r)) : shape.queries();
    }

    private long example(long r) {
      return r / (shape.heads() * shape.queries());
    }

    boolean isReal(Spec spec, long r, long j) {
      long i = r % shape.queries();
      return i < realQueries(r)
          && (lengths == null || j < lengths.getInt(0, example(r)))
          && (!spec.causal() || j <= i)
          && (mask == null || mask.getByte(example(r) * shape.queries() + i, j) != 0);
    }

    /** Makes everything that is not real NaN. */
    Call poison(Spec spec) {
      for (long r = 0; r < shape.rows(); r++) {
        for (long j = 0; j < shape.keys(); j++) {
          if (!isReal(spec, r, j)) {
            student.setFloat(r, j, Float.NaN);
            teacher.setFloat(r, j, Float.NaN);
          }
        }
      }
      return this;
    }

    /** The probabilities of a row, 0 where masked, in double. */
    double[] map(Spec spec, double[] scores, long r) {
      double[] p = new double[scores.length];
      double max = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < p.length; j++) {
        max = isReal(spec, r, j) ? Math.max(max, scores[j]) : max;
      }
      double sum = 0;
      for (int j = 0; j < p.length; j++) {
        p[j] = isReal(spec, r, j) ? Math.exp((scores[j] - max) / spec.temperature()) : 0;
        sum += p[j];
      }
      for (int j = 0; j < p.length && sum > 0; j++) {
        p[j] /= sum;
      }
      return p;
    }

    /** What the loss of a row is multiplied by. */
    double factor(Spec spec, long r) {
      double tau = spec.tauSquared() ? spec.temperature() * spec.temperature() : 1;
      double rows = Math.max(1, realQueries(r));
      return spec.scale() * tau / (shape.batch() * shape.heads() * rows);
    }

    /** The loss in double, from sum q log(q / p). */
    double plainLoss(Spec spec, double[][] scores) {
      double[][] teacherScores = GradientCheck.toDoubles(teacher);
      double total = 0;
      for (int r = 0; r < scores.length; r++) {
        double[] p = map(spec, scores[r], r);
        double[] q = map(spec, teacherScores[r], r);
        for (int j = 0; j < p.length; j++) {
          if (isReal(spec, r, j)) {
            double clampedQ = Math.max(q[j], spec.clamp());
            double ratio = clampedQ / Math.max(p[j], spec.clamp());
            total += factor(spec, r) * clampedQ * Math.log(ratio);
          }
        }
      }
      return total;
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    for (long keys : sizesAroundLanes()) {
      AttentionShape shape = new AttentionShape(1, 2, 3, keys);
      for (Spec spec : List.of(SPEC, PAPER, SPEC.withTemperature(3).withTauSquared(true))) {
        try (Tensors t = new Tensors(placement, SEED)) {
          assertAgrees(t, spec, new Call(t, shape, 2));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReferenceUnderMasks(Placement placement) {
    Spec causal = SPEC.withCausal(true).withScale(3);
    for (int keys : new int[] {1, 2, 5, 16, 17, 33, 66}) {
      AttentionShape square = new AttentionShape(3, 2, keys, keys);
      AttentionShape cross = new AttentionShape(3, 2, 4, keys);
      for (Spec spec : List.of(SPEC, causal, causal.withClamp(1e-3))) {
        try (Tensors t = new Tensors(placement, SEED)) {
          assertAgrees(t, spec, new Call(t, square, 2).lengths(t, keys, keys / 2, 0));
          assertAgrees(t, spec, new Call(t, cross, 2).lengths(t, keys, keys / 2, 0));
          assertAgrees(t, spec, new Call(t, cross, 2).mask(t, 0.5));
          assertAgrees(t, spec, new Call(t, square, 2).lengths(t, keys - 1, keys, 1).mask(t, 0.7));
        }
      }
    }
  }

  private void assertAgrees(Tensors t, Spec spec, Call call) {
    call.poison(spec);
    Matrix wantGrad = t.zeros(DType.F32, call.shape.rows(), call.shape.keys());
    Matrix wantLoss = t.zeros(DType.F64, 1, 1);
    wantGrad.setFloat(0, 0, Float.NaN);
    call.grad.setFloat(0, 0, Float.NaN);
    runReference(AttentionKl.OP, spec, call.into(wantGrad, wantLoss));
    run(AttentionKl.OP, spec, call.arguments());
    double want = wantLoss.getDouble(0, 0);
    String what = call.shape + " " + spec;
    // Terms of one sign, each good to the rounding of its two log-probabilities and of a float sum;
    // a shift of all log-ratios by delta, the rounding of the log-sums, adds delta^2 / 2.
    double shifted = Math.abs(call.factor(spec, 0)) * call.shape.rows() * 0x1p-44 / 2;
    assertWithin(want, call.loss(), 0x1p-24 * 60 * want + shifted, () -> "loss of " + what);
    double[][] student = GradientCheck.toDoubles(call.student);
    double[][] teacher = GradientCheck.toDoubles(call.teacher);
    for (int r = 0; r < call.shape.rows(); r++) {
      double[] p = call.map(spec, student[r], r);
      double[] q = call.map(spec, teacher[r], r);
      double factor = Math.abs(call.factor(spec, r)) / spec.temperature();
      for (int j = 0; j < p.length; j++) {
        // As for softmax: exp of a difference d carries |d| half-ulps. The clamp may cut either way
        // where p is within that of it.
        double bound = 0x1p-24 * 60 * (p[j] + q[j]) * factor;
        boolean onTheEdge = Math.abs(p[j] / spec.clamp() - 1) < 1e-5;
        int row = r;
        int col = j;
        if (!call.isReal(spec, r, j)) {
          assertEquals(0, call.grad.getFloat(r, j), () -> "masked entry of " + what);
        } else if (!onTheEdge) {
          assertWithin(
              wantGrad.getFloat(r, j),
              call.grad.getFloat(r, j),
              bound + 1e-37,
              () -> "gradient at (" + row + ", " + col + ") of " + what);
        }
      }
    }
    t.assertPaddingIntact();
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, new AttentionShape(5, 3, 131, 131), 2);
      call.lengths(t, 131, 64, 0, 77, 130).mask(t, 0.9);
      Matrix grad = t.zeros(DType.F32, call.shape.rows(), 131);
      Matrix loss = t.zeros(DType.F64, 1, 1);
      run(1, AttentionKl.OP, PAPER, call.arguments());
      run(threads, AttentionKl.OP, PAPER, call.into(grad, loss));
      assertSameBits(call.grad, grad, "gradient");
      assertSameBits(call.loss, loss, "loss");
    }
  }

  @Test
  void worksInPlaceAndWithEitherOutputAlone() {
    for (boolean masked : new boolean[] {false, true}) {
      for (Spec spec : List.of(SPEC, PAPER)) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Call call = new Call(t, new AttentionShape(2, 1, 3, 37), 2).lengths(t, 32, 37);
          if (masked) {
            call.mask(t, 0.5);
          }
          run(AttentionKl.OP, spec, call.arguments());
          Matrix loss = t.zeros(DType.F64, 1, 1);
          run(AttentionKl.OP, spec, call.into(null, loss));
          assertSameBits(call.loss, loss, "loss alone");
          Matrix grad = t.copy(call.student);
          run(AttentionKl.OP, spec, call.into(grad, null));
          assertSameBits(call.grad, grad, "gradient alone");
          run(AttentionKl.OP, spec, call.into(call.student, null));
          assertSameBits(call.grad, call.student, "gradient over the student scores");
        }
      }
    }
  }

  @Test
  void equalScoresGiveExactlyNothing() {
    for (Spec spec : List.of(SPEC, PAPER, SPEC.withClamp(0.02), SPEC.withTemperature(0.3))) {
      for (long keys : new long[] {1, 16, 33, 1000}) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Call call = new Call(t, new AttentionShape(1, 2, 3, keys), 1);
          call.teacher.copyFrom(call.student);
          run(AttentionKl.OP, spec, call.arguments());
          // The reference takes the logarithms of the clamped map apart; the terms are of order 1.
          double rounding = isReference() && spec.clamp() > 0 ? 1e-15 : 0;
          assertEquals(0, call.loss(), rounding, "loss of " + keys + " " + spec);
          // Where a clamp cuts, there is a gradient: its value takes part in that of the others.
          for (long r = 0; r < call.shape.rows() && spec.clamp() < 1e-3; r++) {
            for (long j = 0; j < keys; j++) {
              assertEquals(
                  0, call.grad.getFloat(r, j), rounding, "gradient of " + keys + " " + spec);
            }
          }
        }
      }
    }
  }

  @Test
  void smallDivergencesKeepTheirDigits() {
    for (double distance : new double[] {1e-2, 1e-3, 1e-4, 1e-5}) {
      for (Spec spec : List.of(SPEC, SPEC.withTemperature(4))) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Call call = new Call(t, new AttentionShape(1, 1, 3, 65), 3);
          Matrix noise = t.normal(3, 65, distance);
          for (long r = 0; r < 3; r++) {
            for (long j = 0; j < 65; j++) {
              float s = call.teacher.getFloat(r, j) + noise.getFloat(r, j);
              call.student.setFloat(r, j, s);
            }
          }
          Matrix want = t.zeros(DType.F64, 1, 1);
          run(AttentionKl.OP, spec, call.arguments());
          runReference(AttentionKl.OP, spec, call.into(null, want));
          // The weights of the terms are off by float rounding; a shift of all x by delta, the
          // rounding of the difference of the log-sums, adds delta^2 / 2.
          double loss = want.getDouble(0, 0);
          assertTrue(loss > 0);
          assertWithin(loss, call.loss(), 4e-6 * loss + 1e-13, () -> "loss at " + distance);
        }
      }
    }
  }

  @Test
  void lossIsNeverNegativeAndGradientRowsSumToZero() {
    for (double distance : new double[] {0, 1e-7, 1e-3, 1, 10}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Call call = new Call(t, new AttentionShape(2, 3, 7, 33), 2);
        Matrix noise = t.normal(call.shape.rows(), 33, distance);
        for (long r = 0; r < call.shape.rows(); r++) {
          for (long j = 0; j < 33; j++) {
            call.student.setFloat(r, j, call.teacher.getFloat(r, j) + noise.getFloat(r, j));
          }
        }
        run(AttentionKl.OP, SPEC, call.arguments());
        assertTrue(call.loss() >= 0, () -> "loss " + call.loss());
        for (long r = 0; r < call.shape.rows(); r++) {
          double sum = 0;
          for (long j = 0; j < 33; j++) {
            sum += call.grad.getFloat(r, j);
          }
          // p and q each sum to 1 within float rounding; divided by 42 rows.
          assertEquals(0, sum, 0x1p-24 * 40 / 42);
        }
      }
    }
  }

  @Test
  void shiftDoesNotChangeTheLoss() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, new AttentionShape(1, 1, 2, 65), 3);
      for (float shift : new float[] {4, 64, 1024}) {
        for (long r = 0; r < 2; r++) {
          for (long j = 0; j < 65; j++) {
            float s = Math.round(call.teacher.getFloat(r, j) * 64) / 64f;
            call.teacher.setFloat(r, j, s);
            call.student.setFloat(r, j, s + shift);
          }
        }
        run(AttentionKl.OP, SPEC, call.arguments());
        assertEquals(0, call.loss(), 1e-13, "loss of equal maps, scores shifted by " + shift);
      }
    }
  }

  @Test
  void hotMapsApproachTheCentredSquares() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, new AttentionShape(1, 1, 4, 16), 1);
      run(AttentionKl.OP, SPEC.withTemperature(1000).withTauSquared(true), call.arguments());
      double want = 0;
      for (long r = 0; r < 4; r++) {
        double mean = 0;
        double squares = 0;
        for (long j = 0; j < 16; j++) {
          double d = (double) call.student.getFloat(r, j) - call.teacher.getFloat(r, j);
          mean += d / 16;
          squares += d * d / 16;
        }
        want += (squares - mean * mean) / 2 / 4;
      }
      // The next term of the expansion is of order 1 / temperature.
      assertEquals(want, call.loss(), 3e-3 * want);
    }
  }

  @Test
  void agreesWithTheMapsThemselves() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Call call = new Call(t, new AttentionShape(1, 2, 5, 77), 2);
      Matrix p = t.zeros(DType.F32, 10, 77);
      Matrix q = t.zeros(DType.F32, 10, 77);
      run(AttentionKl.OP, SPEC, call.arguments());
      run(Softmax.FORWARD, new Softmax.Spec(), new Softmax.Forward(call.student, p));
      run(Softmax.FORWARD, new Softmax.Spec(), new Softmax.Forward(call.teacher, q));
      double want = 0;
      for (long r = 0; r < 10; r++) {
        for (long j = 0; j < 77; j++) {
          want += q.getFloat(r, j) * Math.log(q.getFloat(r, j) / p.getFloat(r, j)) / 10;
          double g = (p.getFloat(r, j) - q.getFloat(r, j)) / 10;
          double size = p.getFloat(r, j) + q.getFloat(r, j);
          assertEquals(g, call.grad.getFloat(r, j), 0x1p-24 * 60 * size / 10);
        }
      }
      // The plain sum of the maps is good to float rounding of the masses.
      assertEquals(want, call.loss(), 3e-6);
    }
  }

  @Test
  void specialValues() {
    float inf = Float.POSITIVE_INFINITY;
    float nan = Float.NaN;
    float[][] scores = {
      {1, 2, 3, 0}, {nan, 0, 0, 0}, {inf, 0, 0, 0}, {-inf, -inf, -inf, -inf}, {0, 0, 0, 0}
    };
    for (Spec spec : List.of(SPEC, PAPER)) {
      for (int bad = 1; bad <= 3; bad++) {
        for (boolean inStudent : new boolean[] {true, false}) {
          try (Tensors t = Tensors.aligned(SEED)) {
            Call call = new Call(t, new AttentionShape(1, 1, 2, 4), 1);
            for (int j = 0; j < 4; j++) {
              (inStudent ? call.student : call.teacher).setFloat(1, j, scores[bad][j]);
            }
            run(AttentionKl.OP, spec, call.arguments());
            assertTrue(Double.isNaN(call.loss()));
            for (int j = 0; j < 4; j++) {
              assertTrue(Float.isFinite(call.grad.getFloat(0, j)), "row beside a bad one");
              assertTrue(Float.isNaN(call.grad.getFloat(1, j)), "bad row");
            }
            call.lengths(t, 0);
            run(AttentionKl.OP, spec, call.arguments());
            assertEquals(0, call.loss());
          }
        }
      }
    }
  }

  @Test
  void gradientMatchesCentralDifferences() {
    Spec hot = SPEC.withTemperature(2).withTauSquared(true).withScale(0.5);
    for (Spec spec : List.of(SPEC, hot, SPEC.withClamp(0.05), hot.withCausal(true))) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Call call = new Call(t, new AttentionShape(2, 2, 5, 5), 1).lengths(t, 5, 3);
        run(AttentionKl.OP, spec, call.arguments());
        GradientCheck.check(
            call.student, call.grad, x -> call.plainLoss(spec, x), "attention_kl " + spec, SEED);
        assertEquals(
            call.plainLoss(spec, GradientCheck.toDoubles(call.student)), call.loss(), 1e-6);
      }
    }
  }

  @Test
  void allocatesNothing() {
    try (Tensors t = Tensors.aligned(SEED)) {
      AttentionShape shape = new AttentionShape(2, 2, 3, 77);
      assertNoAllocation(AttentionKl.OP, SPEC, new Call(t, shape, 1).arguments());
      assertNoAllocation(
          AttentionKl.OP, PAPER, new Call(t, shape, 1).lengths(t, 64, 9).arguments());
      assertNoAllocation(AttentionKl.OP, PAPER, new Call(t, shape, 1).mask(t, 0.5).arguments());
    }
  }

  @Test
  void optionsOutsideTheFloatRangeAreServedByTheReference() {
    List<String> backends = isReference() ? List.of("scalar") : List.of(backend(), "scalar");
    try (Tensors t = Tensors.aligned(SEED);
        Limbeck limbeck = Limbeck.open(backends, 1)) {
      Call call = new Call(t, new AttentionShape(1, 1, 2, 9), 1);
      double want = call.plainLoss(SPEC, GradientCheck.toDoubles(call.student));
      limbeck.operation(AttentionKl.OP, SPEC.withClamp(1e-40)).run(call.arguments());
      assertEquals(want, call.loss(), 1e-12 + (isReference() ? 0 : 1e-6 * want));
      limbeck.operation(AttentionKl.OP, SPEC.withTemperature(1e-35)).run(call.arguments());
      assertTrue(call.loss() > 1e30, () -> "loss " + call.loss());
    }
  }

  @Test
  void refusesBadArguments() {
    assertThrows(InvalidArgumentException.class, () -> SPEC.withTemperature(0));
    assertThrows(InvalidArgumentException.class, () -> SPEC.withClamp(1));
    assertThrows(InvalidArgumentException.class, () -> SPEC.withScale(Double.NaN));
    try (Tensors t = Tensors.aligned(SEED)) {
      AttentionShape shape = new AttentionShape(2, 1, 3, 4);
      Call call = new Call(t, shape, 1);
      assertRefused(call.into(call.teacher, null), "gradStudentScores: given memory that overlaps");
      assertRefused(call.into(call.grad, t.zeros(DType.F32, 1, 1)), "loss: given F32");
      assertRefused(
          call.into(t.zeros(DType.F32, 6, 5), null), "gradStudentScores: given F32 [6, 5]");
      assertRefused(new Call(t, shape, 1).lengths(t, 4, 5).arguments(), "lengths: given 5");
      assertRefused(new Call(t, shape, 1).lengths(t, 4).arguments(), "lengths: given I32 [1, 1]");
      call.mask = t.mask(3, 4, 1);
      assertRefused(call.arguments(), "mask: given U8 [3, 4]");
    }
  }

  private void assertRefused(Arguments arguments, String message) {
    var e =
        assertThrows(InvalidArgumentException.class, () -> run(AttentionKl.OP, SPEC, arguments));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.limbeck.vectors.contract.SoftmaxKlCall.TWO_SIDED;
import static org.limbeck.vectors.contract.SoftmaxKlCall.as;
import static org.limbeck.vectors.contract.SoftmaxKlCall.hasOptions;
import static org.limbeck.vectors.contract.SoftmaxKlCall.name;
import static org.limbeck.vectors.contract.SoftmaxKlCall.plain;
import static org.limbeck.vectors.contract.SoftmaxKlCall.set;
import static org.limbeck.vectors.contract.SoftmaxKlCall.specs;
import static org.limbeck.vectors.contract.SoftmaxKlCall.value;
import static org.limbeck.vectors.contract.SoftmaxKlCall.withOptions;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.kernels.op.SoftmaxKl.Mode;

/** The contract of the divergences of softmax rows. */
public abstract class SoftmaxKlContract extends KernelContract {
  private static final double EPS = 0x1p-24;
  private static final double BF16_EPS = 0x1p-8;

  /** Tests a backend. */
  protected SoftmaxKlContract(String backend) {
    super(backend);
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    for (long cols : sizesAroundLanes()) {
      for (Mode mode : Mode.values()) {
        assertAgrees(placement, plain(mode), cols);
        assertAgrees(placement, withOptions(mode), cols);
      }
    }
  }

  /** Modes by turns: what differs from F32 is how a row begins and ends. */
  @ParameterizedTest
  @EnumSource(Placement.class)
  void bf16AgreesWithTheReference(Placement placement) {
    int turn = 0;
    for (long cols : sizesAroundLanes()) {
      Mode mode = Mode.values()[turn++ % Mode.values().length];
      assertAgrees(placement, plain(mode, DType.BF16), cols);
      assertAgrees(placement, withOptions(mode, DType.BF16), cols);
    }
  }

  /** Compares with the reference on the same logits as F32, which holds them all. */
  private void assertAgrees(Placement placement, SoftmaxKl.Spec spec, long cols) {
    try (Tensors t = new Tensors(placement, SEED)) {
      SoftmaxKlCall got = SoftmaxKlCall.of(t, spec, 3, cols);
      boolean bf16 = spec.logits() == DType.BF16;
      SoftmaxKlCall want = bf16 ? got.widened(t) : got.withOutputs(t);
      runReference(SoftmaxKl.OP, as(DType.F32, spec), want.arguments());
      run(SoftmaxKl.OP, spec, got.arguments());
      String what = name(spec) + " of " + cols;
      double factor =
          spec.scale() * spec.normaliser().factor(want.student().rows(), want.rowWeight());
      double lossBound = 0;
      for (long r = 0; r < 3; r++) {
        lossBound += 2 * factor * assertRow(spec, want, got, r, 2 * factor, what);
      }
      assertWithin(
          want.loss().getDouble(0, 0),
          got.loss().getDouble(0, 0),
          lossBound,
          () -> what + ": loss");
      t.assertPaddingIntact();
    }
  }

  /**
   * Compares a row and returns the bound of its loss. A probability is good to 16 ulp, the
   * logarithm x of a ratio to the ulp of the logits behind it; what is made of them is at most (p +
   * q) (1 + |x|), and ten times that where a ratio to a mixture of 0.1 is in it.
   */
  private static double assertRow(
      SoftmaxKl.Spec spec,
      SoftmaxKlCall want,
      SoftmaxKlCall got,
      long r,
      double factor,
      String what) {
    double[] q = want.probabilities(want.student(), r, spec.temperature());
    double[] p = want.probabilities(want.teacher(), r, spec.teacherTemperature());
    double[] hard = want.probabilities(want.student(), r, 1);
    double[] size = new double[q.length];
    double lossBound = 0;
    for (int c = 0; c < q.length; c++) {
      double square = want.student().getFloat(r, c) - want.teacher().getFloat(r, c);
      double x = p[c] == 0 ? 0 : Math.abs(Math.log(q[c] / p[c]));
      size[c] =
          spec.mode() == Mode.LOGIT_MSE
              ? (want.kept(c) ? Math.abs(square) : 0)
              : (p[c] + q[c]) * (1 + x);
      lossBound += spec.mode() == Mode.LOGIT_MSE ? square * square : size[c];
    }
    // The hard term is a logarithm of a sum, plus the gold logit.
    lossBound = 32 * EPS * (lossBound + (spec.hardWeight() == 0 ? 0 : 16));
    assertWithin(
        want.rowLoss().getDouble(0, r),
        got.rowLoss().getDouble(0, r),
        lossBound,
        () -> what + ": loss of row " + r);
    for (int c = 0; c < q.length; c++) {
      double bound = 1e-37 + factor * EPS * (160 * size[c] + 32 * hard[c]) + factor * EPS * 1e-3;
      assertGradient(want.gradStudent(), got.gradStudent(), r, c, bound, what + ": gradStudent");
      if (want.gradTeacher() != null) {
        assertGradient(want.gradTeacher(), got.gradTeacher(), r, c, bound, what + ": gradTeacher");
      }
    }
    return lossBound;
  }

  /** Compares an element; one of BF16 may be off by half a unit in its last place beside that. */
  private static void assertGradient(
      Matrix want, Matrix got, long r, long c, double bound, String what) {
    double expected = want.getFloat(r, c);
    double rounding = got.type() == DType.BF16 ? BF16_EPS * (Math.abs(expected) + bound) : 0;
    assertWithin(
        expected, value(got, r, c), bound + rounding, () -> what + " at (" + r + ", " + c + ")");
  }

  @Test
  void longRowsAgreeWithTheReference() {
    for (SoftmaxKl.Spec spec : specs()) {
      assertAgrees(Placement.ALIGNED, spec, 20_011);
    }
  }

  /** Asserts that rows of a length agree with the reference, with options and without. */
  protected final void assertAgrees(long cols, Mode mode, DType logits) {
    assertAgrees(Placement.STRIDED, plain(mode, logits), cols);
    assertAgrees(Placement.ALIGNED, withOptions(mode, logits), cols);
  }

  /** Asserts that with BF16 every bit is that of F32, but for the rounding of gradients. */
  protected final void assertBf16HasTheBitsOfF32() {
    for (Mode mode : Mode.values()) {
      for (long cols : new long[] {5, 37, 4111}) {
        for (SoftmaxKl.Spec spec :
            List.of(plain(mode, DType.BF16), withOptions(mode, DType.BF16))) {
          try (Tensors t = Tensors.aligned(SEED)) {
            SoftmaxKlCall narrow = SoftmaxKlCall.of(t, spec, 4, cols);
            SoftmaxKlCall wide = narrow.widened(t);
            run(SoftmaxKl.OP, spec, narrow.arguments());
            run(SoftmaxKl.OP, as(DType.F32, spec), wide.arguments());
            assertSameBits(wide.loss(), narrow.loss(), name(spec) + " loss");
            assertSameBits(wide.rowLoss(), narrow.rowLoss(), name(spec) + " rowLoss");
            assertSameBits(
                t.rounded(wide.gradStudent()), narrow.gradStudent(), name(spec) + " gradStudent");
            if (spec.twoSided()) {
              assertSameBits(
                  t.rounded(wide.gradTeacher()), narrow.gradTeacher(), name(spec) + " gradTeacher");
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    for (SoftmaxKl.Spec spec : specs()) {
      try (Tensors t = Tensors.aligned(SEED)) {
        SoftmaxKlCall one = SoftmaxKlCall.of(t, spec, 301, 257);
        SoftmaxKlCall many = one.withOutputs(t);
        run(1, SoftmaxKl.OP, spec, one.arguments());
        run(threads, SoftmaxKl.OP, spec, many.arguments());
        assertSameBits(one.loss(), many.loss(), name(spec) + " loss");
        assertSameBits(one.rowLoss(), many.rowLoss(), name(spec) + " rowLoss");
        assertSameBits(one.gradStudent(), many.gradStudent(), name(spec) + " gradStudent");
        if (spec.twoSided()) {
          assertSameBits(one.gradTeacher(), many.gradTeacher(), name(spec) + " gradTeacher");
        }
      }
    }
  }

  @Test
  void worksInPlace() {
    for (SoftmaxKl.Spec spec : specs()) {
      try (Tensors t = Tensors.aligned(SEED)) {
        SoftmaxKlCall c = SoftmaxKlCall.of(t, spec, 4, 37);
        run(SoftmaxKl.OP, spec, c.arguments());
        run(
            SoftmaxKl.OP,
            spec,
            new SoftmaxKlCall(
                    c.student(),
                    c.teacher(),
                    c.rowWeight(),
                    c.columnMask(),
                    c.labels(),
                    c.student(),
                    c.gradTeacher() == null ? null : c.teacher(),
                    c.rowLoss(),
                    c.loss())
                .arguments());
        assertSameBits(c.gradStudent(), c.student(), name(spec) + " gradStudent over student");
        if (spec.twoSided()) {
          assertSameBits(c.gradTeacher(), c.teacher(), name(spec) + " gradTeacher over teacher");
        }
      }
    }
  }

  /** What often stands for -infinity is a logit, with its share of a smoothed label. */
  @Test
  void veryNegativeLogitsAreNoRemovedColumns() {
    for (DType logits : List.of(DType.F32, DType.BF16)) {
      for (boolean masked : new boolean[] {false, true}) {
        SoftmaxKl.Builder builder =
            SoftmaxKl.Spec.builder()
                .hardWeight(0.5)
                .labelSmoothing(0.2)
                .normaliser(Normaliser.MEAN_WEIGHTS);
        SoftmaxKl.Spec reference = builder.build();
        SoftmaxKl.Spec spec = builder.logits(logits).build();
        String what = logits + (masked ? " under a mask" : "");
        try (Tensors t = Tensors.aligned(SEED)) {
          SoftmaxKlCall all = SoftmaxKlCall.of(t, spec, 3, 1500);
          long column = all.labels().getLong(0, 0) == 700 ? 701 : 700;
          all.columnMask().setByte(0, column, (byte) 1);
          // Of row 0 only, the others have another weight or no label.
          set(all.student(), 0, column, -1e30f);
          SoftmaxKlCall got = all.withTeacher(t, all.student(), masked);
          SoftmaxKlCall want = logits == DType.BF16 ? got.widened(t) : got.withOutputs(t);
          runReference(SoftmaxKl.OP, reference, want.arguments());
          run(SoftmaxKl.OP, spec, got.arguments());
          double loss = want.rowLoss().getDouble(0, 0);
          assertTrue(loss > 1e24, what);
          assertWithin(
              loss, got.rowLoss().getDouble(0, 0), 4e-6 * loss, () -> what + ": loss of row 0");
          for (long c = 0; c < 1500; c++) {
            assertGradient(want.gradStudent(), got.gradStudent(), 0, c, 1e-7, what);
          }
        }
      }
    }
  }

  /** Row losses have no factor, and gradients that are 0 by theirs may lie over the logits. */
  @Test
  void normaliserOfZeroLeavesRowLosses() {
    for (DType logits : List.of(DType.F32, DType.BF16)) {
      for (Mode mode : Mode.values()) {
        SoftmaxKl.Spec spec =
            SoftmaxKl.Spec.builder().mode(mode).logits(logits).normaliser(Normaliser.of(0)).build();
        String what = name(spec);
        try (Tensors t = Tensors.aligned(SEED)) {
          SoftmaxKlCall c = SoftmaxKlCall.of(t, spec, 2, 37);
          Matrix want = t.zeros(DType.F64, 1, 2);
          runReference(
              SoftmaxKl.OP,
              spec,
              SoftmaxKl.Arguments.of(c.student(), c.teacher()).rowLoss(want).build());
          run(
              SoftmaxKl.OP,
              spec,
              SoftmaxKl.Arguments.of(c.student(), c.teacher())
                  .gradStudent(c.student())
                  .rowLoss(c.rowLoss())
                  .loss(c.loss())
                  .build());
          assertEquals(0, c.loss().getDouble(0, 0), what);
          for (long i = 0; i < 74; i++) {
            assertTrue(value(c.student(), i / 37, i % 37) == 0, what + " gradient " + i);
          }
          for (long r = 0; r < 2; r++) {
            double loss = want.getDouble(0, r);
            assertEquals(
                loss, c.rowLoss().getDouble(0, r), 1e-5 * loss, what + " loss of row " + r);
          }
        }
      }
    }
  }

  @Test
  void equalLogitsGiveExactlyZeroAndOthersMore() {
    for (Mode mode : Mode.values()) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix z = t.normal(3, 1003, 3);
        Matrix loss = t.zeros(DType.F64, 1, 1);
        Matrix rowLoss = t.zeros(DType.F64, 1, 3);
        var equal = SoftmaxKl.Arguments.of(z, z).loss(loss).rowLoss(rowLoss).build();
        if (mode != Mode.SOFT_CE) {
          run(SoftmaxKl.OP, plain(mode), equal);
          assertEquals(0, loss.getDouble(0, 0), mode + " of equal rows");
        }
        Matrix near = t.copy(z);
        near.setFloat(1, 500, z.getFloat(1, 500) + 1e-4f);
        run(
            SoftmaxKl.OP,
            plain(mode),
            SoftmaxKl.Arguments.of(z, near).loss(loss).rowLoss(rowLoss).build());
        assertTrue(rowLoss.getDouble(0, 1) > 0, mode + " of a row that differs in one place");
      }
    }
  }

  @Test
  void gradientRowsSumToZero() {
    for (Mode mode : Mode.values()) {
      if (mode == Mode.LOGIT_MSE) {
        continue;
      }
      try (Tensors t = Tensors.aligned(SEED)) {
        SoftmaxKl.Spec spec = plain(mode);
        SoftmaxKlCall call = SoftmaxKlCall.of(t, spec, 3, 129);
        run(SoftmaxKl.OP, spec, call.arguments());
        for (long r = 0; r < 3; r++) {
          double sum = 0;
          double magnitude = 0;
          for (long c = 0; c < 129; c++) {
            sum += call.gradStudent().getFloat(r, c);
            magnitude += Math.abs(call.gradStudent().getFloat(r, c));
          }
          // The sums of p and of q are 1 to some ulp, times scale / temperature = 3.
          assertEquals(0, sum, 64 * EPS * (magnitude + 3), mode + " in row " + r);
        }
      }
    }
  }

  @Test
  void shiftChangesNothingButRounding() {
    for (Mode mode : Mode.values()) {
      if (mode == Mode.LOGIT_MSE) {
        continue;
      }
      try (Tensors t = Tensors.aligned(SEED)) {
        SoftmaxKl.Spec spec = plain(mode);
        SoftmaxKlCall call = SoftmaxKlCall.of(t, spec, 2, 65);
        for (long c = 0; c < 130; c++) {
          // Multiples of 1/64 bear the shift without rounding.
          float rounded = Math.round(call.student().getFloat(c / 65, c % 65) * 64) / 64f;
          call.student().setFloat(c / 65, c % 65, rounded);
        }
        run(SoftmaxKl.OP, spec, call.arguments());
        SoftmaxKlCall shifted = call.withOutputs(t);
        for (long c = 0; c < 130; c++) {
          float z = call.student().getFloat(c / 65, c % 65);
          call.student().setFloat(c / 65, c % 65, z + 1024);
        }
        run(SoftmaxKl.OP, spec, shifted.arguments());
        // x carries the ulp of a logit near 1024 at most, divided by the temperature.
        double loss = call.loss().getDouble(0, 0);
        assertEquals(loss, shifted.loss().getDouble(0, 0), 1e-4 * loss, mode + " loss");
        assertClose(call.gradStudent(), shifted.gradStudent(), 1e-3, 1e-5, mode + " gradient");
      }
    }
  }

  @Test
  void specialValuesStayInTheirRow() {
    float inf = Float.POSITIVE_INFINITY;
    for (float special : new float[] {Float.NaN, inf}) {
      for (SoftmaxKl.Spec spec : specs()) {
        if (hasOptions(spec)) {
          continue;
        }
        String mode = name(spec);
        try (Tensors t = Tensors.aligned(SEED)) {
          SoftmaxKlCall clean = SoftmaxKlCall.of(t, spec, 3, 37);
          run(SoftmaxKl.OP, spec, clean.arguments());
          SoftmaxKlCall dirty = clean.withOutputs(t);
          set(clean.student(), 1, 36, special);
          run(SoftmaxKl.OP, spec, dirty.arguments());
          assertSameBits(
              clean.gradStudent().rows(0, 1), dirty.gradStudent().rows(0, 1), mode + " row 0");
          assertSameBits(
              clean.gradStudent().rows(2, 3), dirty.gradStudent().rows(2, 3), mode + " row 2");
          assertTrue(!Double.isFinite(dirty.rowLoss().getDouble(0, 1)), mode + " loss of row 1");
          assertTrue(!Double.isFinite(dirty.loss().getDouble(0, 0)), mode + " loss");
          assertTrue(!Float.isFinite(value(dirty.gradStudent(), 1, 36)), mode + " gradient");
        }
      }
    }
  }

  @Test
  void gradientMatchesCentralDifferences() {
    for (Mode mode : Mode.values()) {
      try (Tensors t = Tensors.aligned(SEED)) {
        SoftmaxKl.Spec spec =
            SoftmaxKl.Spec.builder()
                .mode(mode)
                .temperature(1.5)
                .beta(0.3)
                .alpha(0.2)
                .twoSided(TWO_SIDED.contains(mode))
                .build();
        SoftmaxKlCall call = SoftmaxKlCall.of(t, spec, 2, 7);
        run(SoftmaxKl.OP, spec, call.arguments());
        double[][] z = GradientCheck.toDoubles(call.student());
        double[][] u = GradientCheck.toDoubles(call.teacher());
        GradientCheck.check(
            call.student(), call.gradStudent(), v -> divergence(mode, v, u), mode + "", SEED);
        if (spec.twoSided()) {
          GradientCheck.check(
              call.teacher(), call.gradTeacher(), v -> divergence(mode, z, v), mode + "", SEED);
        }
      }
    }
  }

  /** The divergences at temperature 1.5, beta 0.3, alpha 0.2, from their definitions. */
  private static double divergence(Mode mode, double[][] z, double[][] u) {
    double total = 0;
    for (int r = 0; r < z.length; r++) {
      double[] q = softmax(z[r]);
      double[] p = softmax(u[r]);
      total +=
          switch (mode) {
            case FORWARD_KL -> kl(p, q);
            case REVERSE_KL -> kl(q, p);
            case SYMMETRIC_KL -> (kl(p, q) + kl(q, p)) / 2;
            case JS -> 0.3 * kl(p, mix(0.3, p, q)) + 0.7 * kl(q, mix(0.3, p, q));
            case SKEW_FORWARD_KL -> kl(p, mix(0.2, p, q));
            case SKEW_REVERSE_KL -> kl(q, mix(0.8, p, q));
            case SOFT_CE -> kl(p, q) - kl(p, new double[] {1, 1, 1, 1, 1, 1, 1});
            case TOTAL_VARIATION -> distance(p, q, 1) / 2;
            case LOGIT_MSE -> distance(z[r], u[r], 2);
          };
    }
    return total;
  }

  private static double[] softmax(double[] row) {
    double[] p = new double[row.length];
    double sum = 0;
    for (double v : row) {
      sum += Math.exp(v / 1.5);
    }
    for (int c = 0; c < p.length; c++) {
      p[c] = Math.exp(row[c] / 1.5) / sum;
    }
    return p;
  }

  private static double kl(double[] a, double[] b) {
    double sum = 0;
    for (int c = 0; c < a.length; c++) {
      sum += a[c] * Math.log(a[c] / b[c]);
    }
    return sum;
  }

  private static double[] mix(double weight, double[] p, double[] q) {
    double[] m = new double[p.length];
    for (int c = 0; c < m.length; c++) {
      m[c] = weight * p[c] + (1 - weight) * q[c];
    }
    return m;
  }

  private static double distance(double[] a, double[] b, int power) {
    double sum = 0;
    for (int c = 0; c < a.length; c++) {
      sum += Math.pow(Math.abs(a[c] - b[c]), power);
    }
    return sum;
  }

  @Test
  void isServedWhereItShouldBe() {
    for (SoftmaxKl.Spec spec : specs()) {
      assertEquals(backend(), servedBy(SoftmaxKl.OP, spec), () -> name(spec));
    }
  }

  @Test
  void allocatesNothing() {
    for (SoftmaxKl.Spec spec : specs()) {
      try (Tensors t = Tensors.aligned(SEED)) {
        SoftmaxKlCall call = SoftmaxKlCall.of(t, spec, 4, 77);
        assertNoAllocation(SoftmaxKl.OP, spec, call.arguments());
      }
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix z = t.normal(4, 8, 1);
      Matrix u = t.normal(4, 8, 1);
      SoftmaxKl.Spec forward = SoftmaxKl.Spec.builder().build();
      assertRefused(forward, SoftmaxKl.Arguments.of(z, t.normal(4, 7, 1)), "teacher: given");
      assertRefused(forward, SoftmaxKl.Arguments.of(z, null), "teacher: given null");
      assertRefused(
          forward, SoftmaxKl.Arguments.of(z, u).gradStudent(u), "gradStudent: given memory");
      assertRefused(
          forward,
          SoftmaxKl.Arguments.of(z.rows(0, 3), u.rows(0, 3)).gradStudent(z.rows(1, 4)),
          "overlaps student in part");
      assertRefused(
          forward,
          SoftmaxKl.Arguments.of(z, u).gradTeacher(t.zeros(DType.F32, 4, 8)),
          "gradTeacher: given");
      assertRefused(forward, SoftmaxKl.Arguments.of(z, u).labels(t.indices(4, 8)), "labels: given");
      assertRefused(
          forward, SoftmaxKl.Arguments.of(z, u).columnMask(t.mask(1, 7, 1)), "columnMask: given");
      assertRefused(withOptions(Mode.JS), SoftmaxKl.Arguments.of(z, u), "labels: given null");
      Matrix bf16 = t.rounded(z);
      assertRefused(forward, SoftmaxKl.Arguments.of(bf16, bf16), "student: given");
      SoftmaxKl.Spec narrow = SoftmaxKl.Spec.builder().logits(DType.BF16).build();
      assertRefused(narrow, SoftmaxKl.Arguments.of(z, z), "student: given");
      assertRefused(narrow, SoftmaxKl.Arguments.of(bf16, u), "teacher: given");
      assertRefused(
          narrow,
          SoftmaxKl.Arguments.of(bf16, bf16).gradStudent(t.zeros(DType.F32, 4, 8)),
          "gradStudent: given");
    }
    var refused =
        assertThrows(
            InvalidArgumentException.class,
            () -> SoftmaxKl.Spec.builder().logits(DType.F64).build());
    assertTrue(refused.getMessage().contains("logits: given F64, expected F32 or BF16"));
    assertThrows(
        InvalidArgumentException.class, () -> SoftmaxKl.Spec.builder().temperature(0).build());
    assertThrows(
        InvalidArgumentException.class,
        () -> SoftmaxKl.Spec.builder().mode(Mode.SOFT_CE).twoSided(true).build());
  }

  private void assertRefused(
      SoftmaxKl.Spec spec, SoftmaxKl.ArgumentsBuilder arguments, String message) {
    var e =
        assertThrows(
            InvalidArgumentException.class, () -> run(SoftmaxKl.OP, spec, arguments.build()));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

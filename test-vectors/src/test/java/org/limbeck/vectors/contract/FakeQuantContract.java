// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.limbeck.vectors.contract.FakeQuantCase.NO_CLIP;
import static org.limbeck.vectors.contract.FakeQuantCase.spec;
import static org.limbeck.vectors.contract.FakeQuantCase.specs;
import static org.limbeck.vectors.contract.FakeQuantCase.step;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Group;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.op.FakeQuant.Ste;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.vectors.contract.FakeQuantCase.Results;

/**
 * The contract of fake_quant.
 *
 * <p>Codes are compared exactly, random ones too. Where statistics are extrema, a backend has the
 * same bits to compute from. Where they are sums in double, backends may differ by about 1e-16
 * relative, and a code differs only if an element of 24 bits lies in that gap: about 1e-8 for the
 * whole suite. Elements exactly at a boundary are tested with sums that are exact in any order.
 */
public abstract class FakeQuantContract extends KernelContract {
  /** Tests a backend. */
  protected FakeQuantContract(String backend) {
    super(backend);
  }

  private void assertAgrees(Tensors t, FakeQuant.Spec spec, Matrix x, Matrix gradY) {
    String what = spec + " of [" + x.rows() + ", " + x.cols() + "]";
    Matrix step = step(t);
    Results got = Results.of(t, spec, x);
    Results want = Results.of(t, spec, x);
    run(FakeQuant.FORWARD, spec, got.forward(x, step));
    runReference(FakeQuant.FORWARD, spec, want.forward(x, step));
    assertSameBits(want.codes(), got.codes(), "codes, " + what);
    boolean sums =
        spec.scheme() == Scheme.TERNARY_TWN
            || spec.scheme() == Scheme.MIDRISE2
            || spec.scheme() == Scheme.SIGN;
    if (sums) {
      // A mean may be rounded to the neighbour float; c / 3 is rounded once more.
      assertClose(want.scale(), got.scale(), 0x1p-23, 0, "scale, " + what);
      assertClose(want.y(), got.y(), 0x1p-22, 0, "y, " + what);
    } else {
      assertSameBits(want.scale(), got.scale(), "scale, " + what);
      assertSameBits(want.y(), got.y(), "y, " + what);
    }
    if (got.zero() != null) {
      assertSameBits(want.zero(), got.zero(), "zero, " + what);
    }
    run(
        FakeQuant.BACKWARD,
        spec,
        new FakeQuant.Backward(
            x,
            want.backward(x, step, gradY).step(),
            want.scale(),
            gradY,
            got.gradX(),
            got.gradStep()));
    runReference(FakeQuant.BACKWARD, spec, want.backward(x, step, gradY));
    assertSameBits(want.gradX(), got.gradX(), "gradX, " + what);
    if (got.gradStep() != null) {
      assertClose(want.gradStep(), got.gradStep(), 0x1p-23, 1e-12, "gradStep, " + what);
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReference(Placement placement) {
    for (long cols : sizesAroundLanes()) {
      for (FakeQuant.Spec spec : specs(Group.TENSOR, Group.ROW)) {
        try (Tensors t = new Tensors(placement, SEED)) {
          assertAgrees(t, spec, t.normal(3, cols, 1), t.normal(3, cols, 1));
          t.assertPaddingIntact();
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReferenceInBlocks(Placement placement) {
    for (FakeQuant.Spec spec : specs(Group.head(4, 19), Group.head(2, 0), Group.head(0, 19))) {
      try (Tensors t = new Tensors(placement, SEED)) {
        assertAgrees(t, spec, t.normal(12, 57, 1), t.normal(12, 57, 1));
        t.assertPaddingIntact();
      }
    }
  }

  /** What fills up vectors at the end of a row must not enter a range. */
  @Test
  void rangesAwayFromZeroAreThoseOfTheValues() {
    for (long cols : sizesAroundLanes()) {
      for (Group group : List.of(Group.TENSOR, Group.ROW)) {
        try (Tensors t = Tensors.aligned(SEED)) {
          FakeQuant.Spec spec = spec(Scheme.UNIFORM_MINMAX, group, 5, Ste.CLIPPED);
          Matrix gradY = t.normal(3, cols, 1);
          assertAgrees(t, spec, t.uniform(3, cols, 1, 2), gradY);
          assertAgrees(t, spec, t.uniform(3, cols, -2, -1), gradY);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Placement.class,
      names = {"ALIGNED", "STRIDED"})
  void agreesWithTheReferenceOnLargeGroups(Placement placement) {
    for (FakeQuant.Spec spec : specs(Group.TENSOR, Group.ROW, Group.head(2, 35_001))) {
      try (Tensors t = new Tensors(placement, SEED)) {
        assertAgrees(t, spec, t.normal(2, 70_002, 1), t.normal(2, 70_002, 1));
        t.assertPaddingIntact();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    for (FakeQuant.Spec spec : specs(Group.TENSOR, Group.ROW, Group.head(350, 257))) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(700, 257, 1);
        Matrix gradY = t.normal(700, 257, 1);
        Matrix step = step(t);
        Results one = Results.of(t, spec, x);
        Results many = Results.of(t, spec, x);
        run(1, FakeQuant.FORWARD, spec, one.forward(x, step));
        run(threads, FakeQuant.FORWARD, spec, many.forward(x, step));
        run(1, FakeQuant.BACKWARD, spec, one.backward(x, step, gradY));
        run(threads, FakeQuant.BACKWARD, spec, many.backward(x, step, gradY));
        assertSameBits(one.y(), many.y(), "y, " + spec);
        assertSameBits(one.codes(), many.codes(), "codes, " + spec);
        assertSameBits(one.scale(), many.scale(), "scale, " + spec);
        assertSameBits(one.gradX(), many.gradX(), "gradX, " + spec);
        if (one.gradStep() != null) {
          assertSameBits(one.gradStep(), many.gradStep(), "gradStep, " + spec);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {37, 20_001})
  void worksInPlace(long cols) {
    for (FakeQuant.Spec spec : specs(Group.TENSOR, Group.ROW)) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(3, cols, 1);
        Matrix gradY = t.normal(3, cols, 1);
        Matrix step = step(t);
        Results apart = Results.of(t, spec, x);
        run(FakeQuant.FORWARD, spec, apart.forward(x, step));
        run(FakeQuant.BACKWARD, spec, apart.backward(x, step, gradY));
        var b = apart.backward(x, step, gradY);
        Matrix again = b.gradStep() == null ? null : t.vector(1);
        run(
            FakeQuant.BACKWARD,
            spec,
            new FakeQuant.Backward(x, b.step(), b.scale(), gradY, gradY, again));
        assertSameBits(apart.gradX(), gradY, "gradX over gradY, " + spec);
        Results over = Results.of(t, spec, x);
        var f = over.forward(x, step);
        run(
            FakeQuant.FORWARD,
            spec,
            new FakeQuant.Forward(x, f.step(), x, f.codes(), f.scale(), f.zero()));
        assertSameBits(apart.y(), x, "y over x, " + spec);
        assertSameBits(apart.codes(), over.codes(), "codes with y over x, " + spec);
      }
    }
  }

  @Test
  void outputsThatAreNotWantedMayBeMissing() {
    for (FakeQuant.Spec spec : specs(Group.TENSOR, Group.ROW)) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(3, 37, 1);
        Results all = Results.of(t, spec, x);
        Results some = Results.of(t, spec, x);
        var f = all.forward(x, step(t));
        run(FakeQuant.FORWARD, spec, f);
        run(
            FakeQuant.FORWARD,
            spec,
            new FakeQuant.Forward(x, f.step(), some.y(), null, null, null));
        run(
            FakeQuant.FORWARD,
            spec,
            new FakeQuant.Forward(x, f.step(), null, some.codes(), null, null));
        run(
            FakeQuant.FORWARD,
            spec,
            new FakeQuant.Forward(x, f.step(), null, null, some.scale(), null));
        assertSameBits(all.y(), some.y(), "y alone, " + spec);
        assertSameBits(all.codes(), some.codes(), "codes alone, " + spec);
        assertSameBits(all.scale(), some.scale(), "scale alone, " + spec);
      }
    }
  }

  @Test
  void codesAndScaleGiveTheValues() {
    for (FakeQuant.Spec spec : specs(Group.TENSOR)) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(3, 67, 1);
        Results r = Results.of(t, spec, x);
        run(FakeQuant.FORWARD, spec, r.forward(x, step(t)));
        double scale = r.scale().getFloat(0, 0);
        double zero = r.zero() == null ? 0 : r.zero().getFloat(0, 0);
        boolean unsigned = spec.scheme().codeType() == DType.U8;
        for (long i = 0; i < 3 * 67; i++) {
          int code = r.codes().getByte(i / 67, i % 67) & (unsigned ? 0xff : -1);
          double want = spec.scheme() == Scheme.MIDRISE2 ? (2 * code - 3) / 3.0 : code;
          double bound = 4 * 0x1p-24 * (Math.abs(want * scale) + Math.abs(zero));
          double value = want * scale + zero;
          assertWithin(value, r.y().getFloat(i / 67, i % 67), bound, () -> "y, " + spec);
        }
      }
    }
  }

  @Test
  void ternaryAndSignValuesQuantizeToThemselves() {
    for (Scheme scheme : List.of(Scheme.TERNARY_TWN, Scheme.SIGN)) {
      for (Group group : List.of(Group.TENSOR, Group.ROW)) {
        try (Tensors t = Tensors.aligned(SEED)) {
          FakeQuant.Spec spec = spec(scheme, group, 2.5f, Ste.CLIPPED);
          Matrix x = t.normal(9, 123, 1);
          Matrix once = t.zeros(DType.F32, 9, 123);
          Matrix twice = t.zeros(DType.F32, 9, 123);
          run(FakeQuant.FORWARD, spec, FakeQuant.Forward.of(x, once));
          run(FakeQuant.FORWARD, spec, FakeQuant.Forward.of(once, twice));
          // Sums of equal floats are exact in double.
          assertSameBits(once, twice, spec.toString());
        }
      }
    }
  }

  @Test
  void uniformValuesKeepTheirCodes() {
    for (Scheme scheme : List.of(Scheme.UNIFORM_SYMMETRIC, Scheme.UNIFORM_MINMAX)) {
      try (Tensors t = Tensors.aligned(SEED)) {
        FakeQuant.Spec spec = spec(scheme, Group.ROW, 2.5f, Ste.CLIPPED);
        Matrix x = t.normal(9, 123, 1);
        Results once = Results.of(t, spec, x);
        Results twice = Results.of(t, spec, x);
        run(FakeQuant.FORWARD, spec, once.forward(x, null));
        run(FakeQuant.FORWARD, spec, twice.forward(once.y(), null));
        assertSameBits(once.codes(), twice.codes(), spec.toString());
      }
    }
  }

  @Test
  void doublingDoublesAndNegatingNegates() {
    for (Scheme scheme : List.of(Scheme.TERNARY_TWN, Scheme.UNIFORM_SYMMETRIC, Scheme.SIGN)) {
      try (Tensors t = Tensors.aligned(SEED)) {
        FakeQuant.Spec spec = spec(scheme, Group.TENSOR, NO_CLIP, Ste.CLIPPED);
        Matrix x = t.normal(5, 77, 1);
        Matrix other = t.zeros(DType.F32, 5, 77);
        for (long i = 0; i < 5 * 77; i++) {
          other.setFloat(i / 77, i % 77, -2 * x.getFloat(i / 77, i % 77));
        }
        Results a = Results.of(t, spec, x);
        Results b = Results.of(t, spec, x);
        run(FakeQuant.FORWARD, spec, a.forward(x, null));
        run(FakeQuant.FORWARD, spec, b.forward(other, null));
        for (long i = 0; i < 5 * 77; i++) {
          assertEquals(-a.codes().getByte(i / 77, i % 77), b.codes().getByte(i / 77, i % 77));
          assertEquals(-2 * a.y().getFloat(i / 77, i % 77), b.y().getFloat(i / 77, i % 77), 0);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {3, 33, 3 * 777, 3 * 30_000})
  void elementsAtTheTernaryThresholdAreZero(long cols) {
    try (Tensors t = Tensors.aligned(SEED)) {
      FakeQuant.Spec spec = FakeQuant.Spec.ternary(Group.TENSOR, NO_CLIP);
      Matrix x = t.zeros(DType.F32, 1, cols);
      // 0.7 times the mean of 7, 10 and 13 is 7.
      for (long c = 0; c < cols; c++) {
        x.setFloat(0, c, (7 + 3 * (c % 3)) * (c % 2 == 0 ? 1 : -1));
      }
      Results r = Results.of(t, spec, x);
      run(FakeQuant.FORWARD, spec, r.forward(x, null));
      assertEquals(11.5f, r.scale().getFloat(0, 0));
      for (long c = 0; c < cols; c++) {
        int want = c % 3 == 0 ? 0 : c % 2 == 0 ? 1 : -1;
        assertEquals(want, r.codes().getByte(0, c), "code " + c);
      }
    }
  }

  @Test
  void tiesAreRoundedToEven() {
    float[] ties = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, 125.5f, -126.5f};
    int[] codes = {127, 0, 2, 2, 0, -2, -2, 126, 126, -126};
    try (Tensors t = Tensors.aligned(SEED)) {
      for (long repeats : new long[] {1, 2, 5}) {
        FakeQuant.Spec spec = FakeQuant.Spec.symmetric(8, Group.TENSOR, NO_CLIP);
        Matrix x = t.zeros(DType.F32, 1, 10 * repeats);
        for (int c = 0; c < 10 * repeats; c++) {
          x.setFloat(0, c, ties[c % 10]);
        }
        Results r = Results.of(t, spec, x);
        run(FakeQuant.FORWARD, spec, r.forward(x, null));
        for (int c = 0; c < 10 * repeats; c++) {
          assertEquals(codes[c % 10], r.codes().getByte(0, c));
          // Code 0 is +0 whatever the sign of x.
          assertEquals(
              Float.floatToRawIntBits(codes[c % 10]),
              Float.floatToRawIntBits(r.y().getFloat(0, c)));
        }
      }
    }
  }

  @Test
  void groupsOfZerosGiveZeros() {
    for (FakeQuant.Spec spec : specs(Group.ROW)) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.zeros(DType.F32, 2, 37);
        for (long c = 0; c < 37; c++) {
          x.setFloat(1, c, -0f);
        }
        Results r = Results.of(t, spec, x);
        run(FakeQuant.FORWARD, spec, r.forward(x, step(t)));
        int code = spec.scheme() == Scheme.SIGN ? 1 : spec.scheme() == Scheme.MIDRISE2 ? 2 : 0;
        for (long i = 0; i < 2 * 37; i++) {
          assertEquals(0, Float.floatToRawIntBits(r.y().getFloat(i / 37, i % 37)), "y, " + spec);
          assertEquals(code, r.codes().getByte(i / 37, i % 37), "code, " + spec);
        }
        if (spec.scheme() != Scheme.LSQ) {
          assertEquals(0f, r.scale().getFloat(0, 0), "scale, " + spec);
          assertEquals(0f, r.scale().getFloat(0, 1), "scale, " + spec);
        }
      }
    }
  }

  @Test
  void magnitudesTooSmallForAFactorGiveZeros() {
    try (Tensors t = Tensors.aligned(SEED)) {
      FakeQuant.Spec spec = FakeQuant.Spec.symmetric(8, Group.TENSOR, 2.5f);
      Matrix x = t.uniform(1, 37, -1e-40, 1e-40);
      Results r = Results.of(t, spec, x);
      run(FakeQuant.FORWARD, spec, r.forward(x, null));
      for (long c = 0; c < 37; c++) {
        assertEquals(0f, r.y().getFloat(0, c));
        assertEquals(0, r.codes().getByte(0, c));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {37, 40_000})
  void nanMakesItsGroupNan(long cols) {
    for (FakeQuant.Spec spec : specs(Group.ROW)) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(3, cols, 1);
        x.setFloat(1, cols - 3, Float.NaN);
        x.setFloat(1, 3, Float.POSITIVE_INFINITY);
        Results r = Results.of(t, spec, x);
        run(FakeQuant.FORWARD, spec, r.forward(x, step(t)));
        boolean whole = spec.scheme() == Scheme.LSQ;
        for (long row = 0; row < 3; row++) {
          boolean nan = whole || row == 1;
          for (long c = 0; c < cols; c++) {
            assertEquals(nan, Float.isNaN(r.y().getFloat(row, c)), "y, " + spec);
            if (nan) {
              assertEquals(0, r.codes().getByte(row, c), "code, " + spec);
            }
          }
          assertEquals(nan, Float.isNaN(r.scale().getFloat(0, whole ? 0 : row)), "scale, " + spec);
        }
      }
    }
  }

  @Test
  void infinitiesAreTreatedAsByTheReference() {
    float inf = Float.POSITIVE_INFINITY;
    float[][] rows = {
      {1, inf, -2, 0}, {-inf, 0.5f, 1, -0f}, {inf, -inf, 3, 1}, {inf, inf, inf, inf}
    };
    for (FakeQuant.Spec spec : specs(Group.ROW)) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.zeros(DType.F32, 4, 20);
        for (int i = 0; i < 80; i++) {
          x.setFloat(i / 20, i % 20, rows[i / 20][i % 4]);
        }
        assertAgrees(t, spec, x, t.normal(4, 20, 1));
      }
    }
  }

  @Test
  void gradientPassesByTheWrittenRule() {
    for (FakeQuant.Spec spec : specs(Group.TENSOR, Group.ROW)) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(3, 101, 1);
        float[] special = {1.5f, -1.5f, Math.nextDown(1.5f), Float.NaN, NO_CLIP, -NO_CLIP, 0.9f};
        for (int i = 0; i < special.length; i++) {
          x.setFloat(0, 13L * i, special[i]);
        }
        Matrix gradY = t.normal(3, 101, 1);
        Results r = Results.of(t, spec, x);
        for (long g = 0; g < r.scale().cols(); g++) {
          r.scale().setFloat(0, g, 0.9f);
        }
        float step = 0.3f;
        run(FakeQuant.BACKWARD, spec, r.backward(x, step(t), gradY));
        for (long i = 0; i < 3 * 101; i++) {
          float v = x.getFloat(i / 101, i % 101);
          boolean passes =
              spec.ste() == Ste.PLAIN
                  || switch (spec.scheme()) {
                    case LSQ -> v / step >= -4 && v / step <= 3;
                    case MIDRISE2 ->
                        Math.abs(v) < 0.9f && (spec.clip() == NO_CLIP || Math.abs(v) < 1.5f);
                    default -> spec.clip() == NO_CLIP || Math.abs(v) < 1.5f;
                  };
          float want = passes ? gradY.getFloat(i / 101, i % 101) : 0;
          assertEquals(want, r.gradX().getFloat(i / 101, i % 101), spec + " at " + v);
        }
      }
    }
  }

  @Test
  void gradientOfTheClipMatchesCentralDifferences() {
    // The straight-through gradient is the true one of the clip that precedes the rounding.
    try (Tensors t = Tensors.aligned(SEED)) {
      FakeQuant.Spec spec = FakeQuant.Spec.ternary(Group.TENSOR, 0.7f);
      Matrix x = t.normal(3, 7, 1);
      Matrix weight = t.normal(3, 7, 1);
      Matrix gradX = t.zeros(DType.F32, 3, 7);
      run(FakeQuant.BACKWARD, spec, FakeQuant.Backward.of(x, weight, gradX));
      GradientCheck.check(
          x,
          gradX,
          values -> {
            double sum = 0;
            for (int i = 0; i < 21; i++) {
              double v = Math.max(-0.7f, Math.min(0.7f, values[i / 7][i % 7]));
              sum += weight.getFloat(i / 7, i % 7) * v;
            }
            return sum;
          },
          "clip",
          SEED);
    }
  }

  @Test
  void gradientOfTheStepIsTheWrittenSumAndIsAddedTo() {
    try (Tensors t = Tensors.aligned(SEED)) {
      for (int bits = 2; bits <= 8; bits++) {
        FakeQuant.Spec spec =
            new FakeQuant.Spec(Scheme.LSQ, bits, Group.TENSOR, NO_CLIP, Ste.CLIPPED);
        Matrix x = t.normal(9, 131, 1);
        Matrix gradY = t.normal(9, 131, 1);
        Matrix step = t.vector(1);
        step.setFloat(0, 0, 3f / (1 << bits));
        int qp = (1 << (bits - 1)) - 1;
        double sum = 0;
        double magnitude = 0;
        for (long i = 0; i < 9 * 131; i++) {
          double v = x.getFloat(i / 131, i % 131) / (double) step.getFloat(0, 0);
          double slope = v < -qp - 1 ? -qp - 1 : v > qp ? qp : Math.rint(v) - v;
          sum += gradY.getFloat(i / 131, i % 131) * slope;
          magnitude += Math.abs(gradY.getFloat(i / 131, i % 131)) * (qp + 1);
        }
        double factor = 1 / Math.sqrt(9 * 131.0 * qp);
        Results r = Results.of(t, spec, x);
        r.gradStep().setFloat(0, 0, 2);
        run(FakeQuant.BACKWARD, spec, r.backward(x, step, gradY));
        // x / step is rounded to float32: half an ulp of at most qp + 1 an element.
        double bound = 0x1p-24 * (factor * magnitude + 2 + Math.abs(factor * sum));
        assertWithin(2 + factor * sum, r.gradStep().getFloat(0, 0), bound, () -> "gradStep");
      }
    }
  }

  @Test
  void gradientOfASaturatedStepMatchesCentralDifferences() {
    // Beyond the range y is the bound times the step, which has a derivative.
    try (Tensors t = Tensors.aligned(SEED)) {
      FakeQuant.Spec spec = new FakeQuant.Spec(Scheme.LSQ, 3, Group.TENSOR, NO_CLIP, Ste.CLIPPED);
      Matrix x = t.normal(2, 9, 1);
      for (long i = 0; i < 18; i++) {
        float v = x.getFloat(i / 9, i % 9);
        x.setFloat(i / 9, i % 9, v + Math.copySign(5, v));
      }
      Matrix weight = t.normal(2, 9, 1);
      Matrix step = step(t);
      Results r = Results.of(t, spec, x);
      run(FakeQuant.BACKWARD, spec, r.backward(x, step, weight));
      double factor = 1 / Math.sqrt(18 * 3.0);
      GradientCheck.check(
          step,
          r.gradStep(),
          values -> {
            double sum = 0;
            for (int i = 0; i < 18; i++) {
              sum += weight.getFloat(i / 9, i % 9) * (x.getFloat(i / 9, i % 9) > 0 ? 3 : -4);
            }
            return factor * sum * values[0][0];
          },
          "step",
          SEED);
    }
  }

  @ParameterizedTest
  @EnumSource(Scheme.class)
  void allocatesNothing(Scheme scheme) {
    for (long cols : new long[] {77, 40_001}) {
      for (Ste ste : Ste.values()) {
        try (Tensors t = Tensors.aligned(SEED)) {
          FakeQuant.Spec spec = spec(scheme, Group.ROW, 2.5f, ste);
          Matrix x = t.normal(2, cols, 1);
          Results r = Results.of(t, spec, x);
          Matrix step = step(t);
          assertNoAllocation(FakeQuant.FORWARD, spec, r.forward(x, step));
          assertNoAllocation(FakeQuant.BACKWARD, spec, r.backward(x, step, r.y()));
        }
      }
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      FakeQuant.Spec ternary = FakeQuant.Spec.ternary(Group.ROW, 2.5f);
      Matrix x = t.normal(4, 8, 1);
      Matrix y = t.zeros(DType.F32, 4, 8);
      assertRefused(ternary, FakeQuant.Forward.of(x, x.rows(0, 3)), "fake_quant.forward: y: given");
      assertRefused(ternary, FakeQuant.Forward.of(t.zeros(DType.F32, 0, 8), y), "an empty matrix");
      assertRefused(
          ternary,
          new FakeQuant.Forward(x, null, y, t.zeros(DType.U8, 4, 8), null, null),
          "codes: given U8");
      assertRefused(
          ternary,
          new FakeQuant.Forward(x, null, y, null, t.vector(3), null),
          "expected shape [1, 4]");
      assertRefused(
          ternary,
          new FakeQuant.Forward(x, null, y, null, null, t.vector(4)),
          "only the min-max scheme");
      assertRefused(
          ternary, new FakeQuant.Forward(x, step(t), y, null, null, null), "only LSQ has one");
      assertRefused(
          FakeQuant.Spec.ternary(Group.head(3, 8), 2.5f),
          FakeQuant.Forward.of(x, y),
          "a shape that blocks of 3 x 8 divide");
      FakeQuant.Spec midrise = new FakeQuant.Spec(Scheme.MIDRISE2, 2, Group.TENSOR, 1, Ste.CLIPPED);
      var e =
          assertThrows(
              InvalidArgumentException.class,
              () -> run(FakeQuant.BACKWARD, midrise, FakeQuant.Backward.of(x, y, y)));
      assertTrue(e.getMessage().contains("scale: given null"), e.getMessage());
      assertThrows(InvalidArgumentException.class, () -> FakeQuant.Spec.symmetric(9, Group.ROW, 1));
      assertThrows(InvalidArgumentException.class, () -> FakeQuant.Spec.ternary(Group.ROW, 0));
    }
  }

  private void assertRefused(FakeQuant.Spec spec, FakeQuant.Forward a, String message) {
    var e = assertThrows(InvalidArgumentException.class, () -> run(FakeQuant.FORWARD, spec, a));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

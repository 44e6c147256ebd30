// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.GemmF32.Batch;
import org.limbeck.kernels.op.GemmF32.Epilogue;
import org.limbeck.kernels.op.GemmF32.Spec;
import org.limbeck.kernels.op.InvalidArgumentException;

/** The contract of matrix products. */
public abstract class GemmF32Contract extends KernelContract {
  private static final double U = 0x1p-24;
  private static final boolean[] BOTH = {false, true};

  /** Tests a backend. */
  protected GemmF32Contract(String backend) {
    super(backend);
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReferenceInEveryLayout(Placement placement) {
    long[][] shapes = {
      {1, 1, 1},
      {1, 40, 9},
      {2, 3, 300},
      {4, 33, 18},
      {5, 4, 19},
      {8, 70, 6},
      {9, 31, 5},
      {12, 32, 7},
      {13, 33, 258},
      {24, 64, 4},
      {27, 65, 3},
      {125, 18, 10}
    };
    for (boolean transA : BOTH) {
      for (boolean transB : BOTH) {
        Spec spec = Spec.of(transA, transB);
        for (long[] s : shapes) {
          compare(placement, spec, s[0], s[1], s[2]);
          compare(placement, spec.withAlpha(-0.5f).withBeta(0.75f), s[0], s[1], s[2]);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheReferenceAtEveryTail(Placement placement) {
    for (long size : sizesAroundLanes()) {
      for (boolean transA : BOTH) {
        for (boolean transB : BOTH) {
          Spec spec = Spec.of(transA, transB);
          compare(placement, spec, 13, size, 3);
          compare(placement, spec, size, 5, 3);
          compare(placement, spec, 2, 9, size);
          compare(placement, spec, 9, 2, size);
        }
      }
      compare(placement, Spec.of(false, true), 9, 6, size);
      compare(placement, Spec.of(false, false), 9, 6, size);
    }
  }

  @ParameterizedTest
  @EnumSource(Epilogue.class)
  void agreesWithTheReferenceInEveryEpilogue(Epilogue epilogue) {
    for (Placement placement : Placement.values()) {
      for (boolean transB : BOTH) {
        Spec spec = Spec.of(false, transB).withEpilogue(epilogue).withBeta(1);
        for (long n : new long[] {1, 3, 15, 17, 33, 100}) {
          compare(placement, spec, 3, n, 5);
          compare(placement, spec, 14, n, 270);
        }
      }
    }
  }

  /** k = 0 leaves act(beta C + bias). */
  @Test
  void agreesWithTheReferenceWithoutSums() {
    for (Epilogue epilogue : Epilogue.values()) {
      for (long m : new long[] {1, 4, 9, 30}) {
        for (long n : new long[] {1, 5, 40}) {
          Spec spec = Spec.of(false, true).withEpilogue(epilogue);
          compare(Placement.ALIGNED, spec, m, n, 0);
          compare(Placement.ALIGNED, spec.withBeta(-2), m, n, 0);
        }
      }
    }
  }

  private void compare(Placement placement, Spec spec, long m, long n, long k) {
    try (Tensors t = new Tensors(placement, SEED)) {
      Matrix a = t.normal(spec.transA() ? k : m, spec.transA() ? m : k, 1);
      Matrix b = t.normal(spec.transB() ? n : k, spec.transB() ? k : n, 1);
      Matrix c = t.normal(m, n, 1);
      Matrix bias = spec.epilogue() == Epilogue.NONE ? null : t.normal(1, n, 1);
      Matrix want = t.copy(c);
      Matrix before = t.copy(c);
      run(GemmF32.OP, spec, new Arguments(a, b, c, bias, Batch.SINGLE));
      runReference(GemmF32.OP, spec, new Arguments(a, b, want, bias, Batch.SINGLE));
      assertWithinBound(spec, a, b, before, bias, want, c);
      t.assertPaddingIntact();
    }
  }

  /** The bound of the contract; gelu has a slope of at most 1.13 and a rounding of its own. */
  private static void assertWithinBound(
      Spec spec, Matrix a, Matrix b, Matrix before, Matrix bias, Matrix want, Matrix got) {
    long k = spec.transA() ? a.rows() : a.cols();
    for (long i = 0; i < want.rows(); i++) {
      for (long j = 0; j < want.cols(); j++) {
        double size = 0;
        for (long p = 0; p < k; p++) {
          double left = spec.transA() ? a.getFloat(p, i) : a.getFloat(i, p);
          size += Math.abs(left * (spec.transB() ? b.getFloat(j, p) : b.getFloat(p, j)));
        }
        size = size * Math.abs(spec.alpha()) + Math.abs(spec.beta() * before.getFloat(i, j));
        if (bias != null) {
          size += Math.abs(bias.getFloat(0, j));
        }
        double result = Math.abs(want.getFloat(i, j));
        double bound = 8 * U * Math.sqrt(Math.max(1, k)) * size + 2 * U * result + 1e-37;
        if (spec.epilogue() == Epilogue.BIAS_GELU) {
          bound = 1.13 * bound + 18 * U * result + 2 * U * size;
        }
        long row = i;
        long col = j;
        assertWithin(
            want.getFloat(i, j),
            got.getFloat(i, j),
            bound,
            () -> spec + " of " + a + " and " + b + ": element (" + row + ", " + col + ")");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    long[][] shapes = {{263, 801, 300}, {3, 2500, 70}, {7, 3000, 40}, {3000, 3, 60}};
    for (boolean transA : BOTH) {
      for (boolean transB : BOTH) {
        for (long[] s : shapes) {
          long scale = isReference() ? 8 : 1;
          long m = Math.max(1, s[0] / scale);
          long n = Math.max(1, s[1] / scale);
          try (Tensors t = Tensors.aligned(SEED)) {
            Matrix a = t.normal(transA ? s[2] : m, transA ? m : s[2], 1);
            Matrix b = t.normal(transB ? n : s[2], transB ? s[2] : n, 1);
            Matrix bias = t.normal(1, n, 1);
            Matrix one = t.zeros(DType.F32, m, n);
            Matrix many = t.zeros(DType.F32, m, n);
            Spec spec = Spec.of(transA, transB).withEpilogue(Epilogue.BIAS_GELU);
            run(1, GemmF32.OP, spec, new Arguments(a, b, one, bias, Batch.SINGLE));
            run(threads, GemmF32.OP, spec, new Arguments(a, b, many, bias, Batch.SINGLE));
            assertSameBits(one, many, m + " x " + n);
          }
        }
      }
    }
  }

  /** Heads beside each other in rows, as attention has them: queries times keys of each head. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void matrixOfABatchHasTheBitsOfThatMatrixAlone(int threads) {
    long[][] shapes = {{13, 19, 6}, {2, 33, 5}, {6, 40, 5}, {34, 3, 260}};
    for (boolean transB : BOTH) {
      for (long[] s : shapes) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix a = t.normal(3 * s[0], 4 * s[2], 1);
          Matrix b = t.normal(3 * (transB ? s[1] : s[2]), 4 * (transB ? s[2] : s[1]), 1);
          Matrix c = t.normal(12 * s[0], s[1], 1);
          Matrix want = t.copy(c);
          Matrix bias = t.normal(1, s[1], 1);
          Spec spec = Spec.of(false, transB).withBeta(0.5f).withEpilogue(Epilogue.BIAS_RELU);
          long columnsB = transB ? s[2] : s[1];
          long rowsB = transB ? s[1] : s[2];
          Batch batch =
              new Batch(
                  3,
                  4,
                  s[0] * a.rowStride(),
                  s[2],
                  rowsB * b.rowStride(),
                  columnsB,
                  4 * s[0] * s[1],
                  s[0] * s[1]);
          Matrix firstA = a.rows(0, s[0]).columns(0, s[2]);
          Matrix firstB = b.rows(0, rowsB).columns(0, columnsB);
          run(
              threads,
              GemmF32.OP,
              spec,
              new Arguments(firstA, firstB, c.rows(0, s[0]), bias, batch));
          for (long i = 0; i < 12; i++) {
            long o = i / 4;
            long h = i % 4;
            Matrix ai = a.rows(o * s[0], (o + 1) * s[0]).columns(h * s[2], (h + 1) * s[2]);
            Matrix bi =
                b.rows(o * rowsB, (o + 1) * rowsB).columns(h * columnsB, (h + 1) * columnsB);
            Matrix ci = want.rows(i * s[0], (i + 1) * s[0]);
            run(1, GemmF32.OP, spec, new Arguments(ai, bi, ci, bias, Batch.SINGLE));
          }
          assertSameBits(want, c, "batch of " + s[0] + " x " + s[1]);
        }
      }
    }
  }

  /** Large matrices of a batch are split, small ones are not. */
  @Test
  void largeBatchHasTheBitsOfEachMatrixAlone() {
    long size = isReference() ? 40 : 520;
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.normal(2 * size, size, 1);
      Matrix b = t.normal(size, size, 1);
      Matrix c = t.zeros(DType.F32, 2 * size, size);
      Matrix want = t.zeros(DType.F32, 2 * size, size);
      Spec spec = Spec.of(false, true);
      Batch batch = Batch.strided(2, size * size, 0, size * size);
      run(2, GemmF32.OP, spec, new Arguments(a.rows(0, size), b, c.rows(0, size), null, batch));
      run(GemmF32.OP, spec, Arguments.of(a.rows(0, size), b, want.rows(0, size)));
      run(GemmF32.OP, spec, Arguments.of(a.rows(size, 2 * size), b, want.rows(size, 2 * size)));
      assertSameBits(want, c, "a batch with shared B");
    }
  }

  @Test
  void identityGivesTheOtherFactorExactly() {
    for (boolean transB : BOTH) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(37, 45, 3);
        Matrix identity = t.zeros(DType.F32, 45, 45);
        for (long i = 0; i < 45; i++) {
          identity.setFloat(i, i, 1);
        }
        Matrix y = t.zeros(DType.F32, 37, 45);
        run(GemmF32.OP, Spec.of(false, transB), Arguments.of(x, identity, y));
        assertSameBits(x, y, "x times the identity");
      }
    }
  }

  /** More than one slab of columns and of k; small integers, so that every sum is exact. */
  @Test
  void largeOperandsArePackedInSlabs() {
    long n = isReference() ? 40 : 1700;
    long k = isReference() ? 50 : 4200;
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = integers(t.uniform(9, k, -3, 3));
      Matrix b = integers(t.uniform(k, n, -3, 3));
      Matrix c = t.normal(9, n, 1);
      run(2, GemmF32.OP, Spec.of(false, false), Arguments.of(a, b, c));
      for (long i = 0; i < 9; i++) {
        for (long j = 0; j < n; j += 11) {
          long sum = 0;
          for (long p = 0; p < k; p++) {
            sum += (long) a.getFloat(i, p) * (long) b.getFloat(p, j);
          }
          assertEquals(sum, c.getFloat(i, j));
        }
      }
    }
  }

  private static Matrix integers(Matrix m) {
    for (long r = 0; r < m.rows(); r++) {
      for (long c = 0; c < m.cols(); c++) {
        m.setFloat(r, c, Math.round(m.getFloat(r, c)));
      }
    }
    return m;
  }

  @Test
  void previousContentIsNotReadWithoutBeta() {
    for (long m : new long[] {1, 5, 30}) {
      for (long n : new long[] {2, 33}) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix a = t.normal(m, 300, 1);
          Matrix b = t.normal(n, 300, 1);
          Matrix c = t.zeros(DType.F32, m, n);
          Matrix marked = t.zeros(DType.F32, m, n);
          for (long i = 0; i < m; i++) {
            for (long j = 0; j < n; j++) {
              marked.setFloat(i, j, Float.NaN);
            }
          }
          run(GemmF32.OP, Spec.of(false, true), Arguments.of(a, b, c));
          run(GemmF32.OP, Spec.of(false, true), Arguments.of(a, b, marked));
          assertSameBits(c, marked, "over NaN");
        }
      }
    }
  }

  @Test
  void specialValuesStayInTheirRowAndColumn() {
    for (long m : new long[] {4, 8, 25}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix a = t.uniform(m, 20, 1, 2);
        Matrix b = t.uniform(20, 35, 1, 2);
        a.setFloat(1, 19, Float.NaN);
        a.setFloat(3, 0, Float.POSITIVE_INFINITY);
        b.setFloat(7, 34, Float.NEGATIVE_INFINITY);
        Matrix c = t.zeros(DType.F32, m, 35);
        Matrix bias = t.zeros(DType.F32, 1, 35);
        Spec spec = Spec.of(false, false);
        run(GemmF32.OP, spec, Arguments.of(a, b, c));
        assertSpecial(c, Float.NEGATIVE_INFINITY);
        spec = spec.withEpilogue(Epilogue.BIAS_RELU);
        run(GemmF32.OP, spec, new Arguments(a, b, c, bias, Batch.SINGLE));
        assertSpecial(c, 0);
        spec = spec.withEpilogue(Epilogue.BIAS_GELU);
        run(GemmF32.OP, spec, new Arguments(a, b, c, bias, Batch.SINGLE));
        assertSpecial(c, 0);
      }
    }
  }

  private static void assertSpecial(Matrix c, float lowest) {
    for (long i = 0; i < c.rows(); i++) {
      for (long j = 0; j < c.cols(); j++) {
        float value = c.getFloat(i, j);
        if (i == 1 || (i == 3 && j == 34)) {
          assertTrue(Float.isNaN(value), () -> "expected NaN, got " + value);
        } else if (i == 3) {
          assertEquals(Float.POSITIVE_INFINITY, value);
        } else if (j == 34) {
          // The sign of 0 is left open.
          assertTrue(lowest == value, () -> "expected " + lowest + ", got " + value);
        } else {
          assertTrue(Float.isFinite(value), () -> "expected a finite number, got " + value);
        }
      }
    }
  }

  @Test
  void fusedEpilogueAgreesWithItsSteps() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.normal(30, 48, 1);
      Matrix b = t.normal(50, 48, 1);
      Matrix bias = t.normal(1, 50, 1);
      Matrix product = t.zeros(DType.F32, 30, 50);
      Matrix fused = t.zeros(DType.F32, 30, 50);
      Spec spec = Spec.of(false, true);
      run(GemmF32.OP, spec, Arguments.of(a, b, product));
      spec = spec.withEpilogue(Epilogue.BIAS_RELU);
      run(GemmF32.OP, spec, new Arguments(a, b, fused, bias, Batch.SINGLE));
      for (long i = 0; i < 30; i++) {
        for (long j = 0; j < 50; j++) {
          float x = product.getFloat(i, j);
          float y = bias.getFloat(0, j);
          double bound = 2 * U * (Math.abs(x) + Math.abs(y));
          assertWithin(Math.max(0, x + y), fused.getFloat(i, j), bound, () -> "relu(x + y)");
        }
      }
    }
  }

  /** The gradients of a product are products with other transpositions. */
  @Test
  void gradientsMatchCentralDifferences() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.normal(3, 5, 1);
      Matrix b = t.normal(5, 4, 1);
      Matrix weight = t.normal(3, 4, 1);
      Matrix gradA = t.zeros(DType.F32, 3, 5);
      Matrix gradB = t.zeros(DType.F32, 5, 4);
      run(GemmF32.OP, Spec.of(false, true).withAlpha(0.5f), Arguments.of(weight, b, gradA));
      run(GemmF32.OP, Spec.of(true, false).withAlpha(0.5f), Arguments.of(a, weight, gradB));
      double[][] as = GradientCheck.toDoubles(a);
      double[][] bs = GradientCheck.toDoubles(b);
      GradientCheck.check(a, gradA, x -> weighted(x, bs, weight), "gradient of A", SEED);
      GradientCheck.check(b, gradB, x -> weighted(as, x, weight), "gradient of B", SEED);
    }
  }

  private static double weighted(double[][] a, double[][] b, Matrix weight) {
    double total = 0;
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < b[0].length; j++) {
        for (int p = 0; p < b.length; p++) {
          total += 0.5 * weight.getFloat(i, j) * a[i][p] * b[p][j];
        }
      }
    }
    return total;
  }

  @Test
  void allocatesNothing() {
    long[][] shapes = {{26, 37, 9}, {3, 37, 18}, {7, 37, 18}, {37, 3, 18}};
    for (boolean transA : BOTH) {
      for (boolean transB : BOTH) {
        for (long[] s : shapes) {
          try (Tensors t = Tensors.aligned(SEED)) {
            Matrix a = t.normal(transA ? s[2] : s[0], transA ? s[0] : s[2], 1);
            Matrix b = t.normal(transB ? s[1] : s[2], transB ? s[2] : s[1], 1);
            Matrix c = t.zeros(DType.F32, 2 * s[0], s[1]);
            Matrix bias = t.normal(1, s[1], 1);
            Spec spec = Spec.of(transA, transB).withBeta(0.5f).withEpilogue(Epilogue.BIAS_GELU);
            Matrix first = c.rows(0, s[0]);
            assertNoAllocation(GemmF32.OP, spec, new Arguments(a, b, first, bias, Batch.SINGLE));
            Batch batch = Batch.strided(2, 0, 0, s[0] * s[1]);
            assertNoAllocation(GemmF32.OP, spec, new Arguments(a, b, first, bias, batch));
          }
        }
      }
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.normal(4, 8, 1);
      Matrix b = t.normal(8, 6, 1);
      Matrix c = t.zeros(DType.F32, 4, 6);
      Matrix bias = t.normal(1, 6, 1);
      Spec spec = Spec.of(false, false);
      assertRefused(spec, Arguments.of(a, b, null), "gemm_f32: c: given null");
      assertRefused(spec, Arguments.of(a, c, c), "b: given F32 [4, 6]");
      assertRefused(spec, Arguments.of(b, b, c), "a: given F32 [8, 6]");
      assertRefused(spec, Arguments.of(a, b, b), "");
      assertRefused(spec, new Arguments(a, b, c, bias, Batch.SINGLE), "bias: given F32 [1, 6]");
      Spec biased = spec.withEpilogue(Epilogue.BIAS);
      assertRefused(biased, Arguments.of(a, b, c), "bias: given null");
      assertRefused(biased, new Arguments(a, b, c, a, Batch.SINGLE), "bias: given F32 [4, 8]");
      assertRefused(spec, Arguments.of(t.zeros(DType.F64, 4, 8), b, c), "a: given F64");
      Matrix square = t.normal(8, 8, 1);
      assertRefused(
          spec,
          Arguments.of(square.rows(0, 4), square, square.rows(4, 8)),
          "c: given memory that overlaps b");
      assertRefused(
          spec,
          new Arguments(a, b, c, null, Batch.strided(2, 0, 0, 24)),
          "all matrices in its buffer");
      assertRefused(
          spec,
          new Arguments(a.rows(0, 1), b, c.rows(0, 1), null, Batch.strided(2, 8, 0, 5)),
          "overlap");
      Matrix closed;
      try (Tensors other = Tensors.aligned(SEED)) {
        closed = other.zeros(DType.F32, 4, 6);
      }
      assertRefused(spec, Arguments.of(a, b, closed), "c: given a closed buffer");
    }
    assertThrows(InvalidArgumentException.class, () -> Spec.of(false, false).withAlpha(Float.NaN));
    assertThrows(InvalidArgumentException.class, () -> Batch.strided(0, 1, 1, 1));
    assertThrows(InvalidArgumentException.class, () -> Batch.strided(2, -1, 1, 1));
  }

  private void assertRefused(Spec spec, Arguments arguments, String message) {
    var e = assertThrows(InvalidArgumentException.class, () -> run(GemmF32.OP, spec, arguments));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

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
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.GemmF32.Batch;
import org.limbeck.kernels.op.GemmF32.Epilogue;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.GemmF32.Spec;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Op;

/**
 * The contract of products of floats, whatever the type of their factors: gemm_f32, also with
 * factors rounded to tf32, and gemm_bf16. Results are compared with a plain double function that is
 * written here.
 */
abstract class GemmContract extends KernelContract {
  private static final double U = 0x1p-24;
  private static final boolean[] BOTH = {false, true};

  private final Op<Spec, Arguments> op;
  private final DType factors;
  private final Precision precision;

  /** Tests a backend. */
  GemmContract(String backend, Op<Spec, Arguments> op, DType factors, Precision precision) {
    super(backend);
    this.op = op;
    this.factors = factors;
    this.precision = precision;
  }

  /**
   * Returns the bound for the sum of k products of what {@link #factor} returns, relative to the
   * sum of their magnitudes.
   */
  abstract double sumError(long k);

  /** Returns F32 values as factors of the type under test, rounded where they must be. */
  Matrix factor(Tensors t, Matrix values) {
    return factors == DType.F32 ? values : t.rounded(values);
  }

  /** Returns the plainest specification of a product in the precision under test. */
  final Spec spec(boolean transA, boolean transB) {
    return Spec.of(transA, transB).withPrecision(precision);
  }

  private Matrix normal(Tensors t, long rows, long cols) {
    return factor(t, t.normal(rows, cols, 1));
  }

  private static float value(Matrix factor, long row, long col) {
    return factor.type() == DType.F32 ? factor.getFloat(row, col) : factor.getBfloat16(row, col);
  }

  private static void set(Matrix factor, long row, long col, float value) {
    if (factor.type() == DType.F32) {
      factor.setFloat(row, col, value);
    } else {
      factor.setBfloat16(row, col, value);
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheFormulaInEveryLayout(Placement placement) {
    for (boolean transA : BOTH) {
      for (boolean transB : BOTH) {
        Spec spec = spec(transA, transB);
        for (long[] s : ProductShapes.LAYOUTS) {
          compare(placement, spec, s[0], s[1], s[2]);
          compare(placement, spec.withAlpha(-0.5f).withBeta(0.75f), s[0], s[1], s[2]);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheFormulaAtEveryTail(Placement placement) {
    for (long size : sizesAroundLanes()) {
      for (boolean transA : BOTH) {
        for (boolean transB : BOTH) {
          Spec spec = spec(transA, transB);
          compare(placement, spec, 13, size, 3);
          compare(placement, spec, size, 5, 3);
          compare(placement, spec, 2, 9, size);
          compare(placement, spec, 9, 2, size);
        }
      }
      compare(placement, spec(false, true), 9, 6, size);
      compare(placement, spec(false, false), 9, 6, size);
    }
  }

  /** Each transposition of each shape, the epilogues and the previous C in turns. */
  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheFormulaInLongSums(Placement placement) {
    Epilogue[] epilogues = Epilogue.values();
    int next = 0;
    for (long[] s : ProductShapes.LONG) {
      for (boolean transA : BOTH) {
        for (boolean transB : BOTH) {
          Spec spec = spec(transA, transB).withEpilogue(epilogues[next % epilogues.length]);
          spec = next % 3 == 0 ? spec : spec.withAlpha(-0.5f).withBeta(0.75f);
          compare(placement, spec, s[0], s[1], s[2]);
          next++;
        }
      }
      next++;
    }
  }

  @ParameterizedTest
  @EnumSource(Epilogue.class)
  void agreesWithTheFormulaInEveryEpilogue(Epilogue epilogue) {
    for (Placement placement : Placement.values()) {
      for (boolean transB : BOTH) {
        Spec spec = spec(false, transB).withEpilogue(epilogue).withBeta(1);
        for (long n : new long[] {1, 3, 15, 17, 33, 100}) {
          compare(placement, spec, 3, n, 5);
          compare(placement, spec, 14, n, 270);
        }
      }
    }
  }

  /** k = 0 leaves act(beta C + bias). */
  @Test
  void agreesWithTheFormulaWithoutSums() {
    for (Epilogue epilogue : Epilogue.values()) {
      for (long m : new long[] {1, 4, 9, 30}) {
        for (long n : new long[] {1, 5, 40}) {
          Spec spec = spec(false, true).withEpilogue(epilogue);
          compare(Placement.ALIGNED, spec, m, n, 0);
          compare(Placement.ALIGNED, spec.withBeta(-2), m, n, 0);
        }
      }
    }
  }

  private void compare(Placement placement, Spec spec, long m, long n, long k) {
    compare(placement, spec, m, n, k, this::normal, sumError(k));
  }

  /** Makes a factor. */
  @FunctionalInterface
  interface Factors {
    Matrix of(Tensors t, long rows, long cols);
  }

  /**
   * Compares a product of some factors with the formula, within a bound as of {@link #sumError}.
   */
  final void compare(
      Placement placement, Spec spec, long m, long n, long k, Factors factor, double sumError) {
    try (Tensors t = new Tensors(placement, SEED)) {
      Matrix a = factor.of(t, spec.transA() ? k : m, spec.transA() ? m : k);
      Matrix b = factor.of(t, spec.transB() ? n : k, spec.transB() ? k : n);
      Matrix c = t.normal(m, n, 1);
      Matrix bias = spec.epilogue() == Epilogue.NONE ? null : t.normal(1, n, 1);
      Matrix before = t.copy(c);
      run(op, spec, new Arguments(a, b, c, bias, Batch.SINGLE));
      assertWithinBound(spec, a, b, before, bias, c, sumError);
      t.assertPaddingIntact();
    }
  }

  /** The bound of the contract; gelu has a slope of at most 1.13 and a rounding of its own. */
  private static void assertWithinBound(
      Spec spec, Matrix a, Matrix b, Matrix before, Matrix bias, Matrix got, double sumError) {
    double[][] left = operand(a, spec.transA());
    double[][] right = operand(b, !spec.transB());
    long k = spec.transA() ? a.rows() : a.cols();
    for (int i = 0; i < got.rows(); i++) {
      for (int j = 0; j < got.cols(); j++) {
        double sum = 0;
        double size = 0;
        for (int p = 0; p < k; p++) {
          double product = left[i][p] * right[j][p];
          sum += product;
          size += Math.abs(product);
        }
        double previous = spec.beta() == 0 ? 0 : spec.beta() * (double) before.getFloat(i, j);
        double added = bias == null ? 0 : bias.getFloat(0, j);
        double want = activated(spec.epilogue(), spec.alpha() * sum + previous + added);
        size = size * Math.abs(spec.alpha()) + Math.abs(previous) + Math.abs(added);
        double bound = sumError * size + 2 * U * Math.abs(want) + 1e-37;
        if (spec.epilogue() == Epilogue.BIAS_GELU) {
          bound = 1.13 * bound + 18 * U * Math.abs(want) + 2 * U * size;
        }
        int row = i;
        int col = j;
        assertWithin(
            want,
            got.getFloat(i, j),
            bound,
            () -> spec + " of " + a + " and " + b + ": element (" + row + ", " + col + ")");
      }
    }
  }

  /** Returns the rows of op(A), or the columns of op(B) as rows. */
  private static double[][] operand(Matrix factor, boolean transposed) {
    long rows = transposed ? factor.cols() : factor.rows();
    long cols = transposed ? factor.rows() : factor.cols();
    double[][] x = new double[(int) rows][(int) cols];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        x[r][c] = transposed ? value(factor, c, r) : value(factor, r, c);
      }
    }
    return x;
  }

  private static double activated(Epilogue epilogue, double x) {
    return switch (epilogue) {
      case NONE, BIAS -> x;
      case BIAS_RELU -> Math.max(0, x);
      case BIAS_GELU -> x * (1 + erf(x / Math.sqrt(2))) / 2;
    };
  }

  /** 2 / sqrt(pi) exp(-x^2) times the sum of 2^n x^(2n + 1) / (1 3 5 ... (2n + 1)). */
  private static double erf(double x) {
    if (Math.abs(x) > 6) {
      return Math.signum(x);
    }
    double term = x;
    double sum = 0;
    for (int n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      sum += term;
      term *= 2 * x * x / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    for (boolean transA : BOTH) {
      for (boolean transB : BOTH) {
        for (long[] s : ProductShapes.split(isReference())) {
          long m = s[0];
          long n = s[1];
          try (Tensors t = Tensors.aligned(SEED)) {
            Matrix a = normal(t, transA ? s[2] : m, transA ? m : s[2]);
            Matrix b = normal(t, transB ? n : s[2], transB ? s[2] : n);
            Matrix bias = t.normal(1, n, 1);
            Matrix one = t.zeros(DType.F32, m, n);
            Matrix many = t.zeros(DType.F32, m, n);
            Spec spec = spec(transA, transB).withEpilogue(Epilogue.BIAS_GELU);
            run(1, op, spec, new Arguments(a, b, one, bias, Batch.SINGLE));
            run(threads, op, spec, new Arguments(a, b, many, bias, Batch.SINGLE));
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
    long[][] shapes = {{13, 19, 6}, {2, 33, 5}, {6, 40, 5}, {34, 3, 260}, {5, 7, 2200}};
    for (boolean transB : BOTH) {
      for (long[] s : shapes) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix a = normal(t, 3 * s[0], 4 * s[2]);
          Matrix b = normal(t, 3 * (transB ? s[1] : s[2]), 4 * (transB ? s[2] : s[1]));
          Matrix c = t.normal(12 * s[0], s[1], 1);
          Matrix want = t.copy(c);
          Matrix bias = t.normal(1, s[1], 1);
          Spec spec = spec(false, transB).withBeta(0.5f).withEpilogue(Epilogue.BIAS_RELU);
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
          run(threads, op, spec, new Arguments(firstA, firstB, c.rows(0, s[0]), bias, batch));
          for (long i = 0; i < 12; i++) {
            long o = i / 4;
            long h = i % 4;
            Matrix ai = a.rows(o * s[0], (o + 1) * s[0]).columns(h * s[2], (h + 1) * s[2]);
            Matrix bi =
                b.rows(o * rowsB, (o + 1) * rowsB).columns(h * columnsB, (h + 1) * columnsB);
            Matrix ci = want.rows(i * s[0], (i + 1) * s[0]);
            run(1, op, spec, new Arguments(ai, bi, ci, bias, Batch.SINGLE));
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
      Matrix a = normal(t, 2 * size, size);
      Matrix b = normal(t, size, size);
      Matrix c = t.zeros(DType.F32, 2 * size, size);
      Matrix want = t.zeros(DType.F32, 2 * size, size);
      Spec spec = spec(false, true);
      Batch batch = Batch.strided(2, size * size, 0, size * size);
      run(2, op, spec, new Arguments(a.rows(0, size), b, c.rows(0, size), null, batch));
      run(op, spec, Arguments.of(a.rows(0, size), b, want.rows(0, size)));
      run(op, spec, Arguments.of(a.rows(size, 2 * size), b, want.rows(size, 2 * size)));
      assertSameBits(want, c, "a batch with shared B");
    }
  }

  @Test
  void identityGivesTheOtherFactorExactly() {
    for (boolean transB : BOTH) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = normal(t, 37, 45);
        Matrix identity = t.zeros(factors, 45, 45);
        for (long i = 0; i < 45; i++) {
          set(identity, i, i, 1);
        }
        Matrix y = t.zeros(DType.F32, 37, 45);
        run(op, spec(false, transB), Arguments.of(x, identity, y));
        for (long i = 0; i < 37; i++) {
          for (long j = 0; j < 45; j++) {
            assertEquals(value(x, i, j), y.getFloat(i, j));
          }
        }
      }
    }
  }

  /** Small integers, so that every sum is exact. */
  @Test
  void largeOperandsArePackedInSlabs() {
    if (isReference()) {
      assertExactSums(9, 40, 50);
      return;
    }
    assertExactSums(9, 1700, 4200);
    for (long[] s : ProductShapes.SLABS) {
      assertExactSums(s[0], s[1], s[2]);
    }
  }

  private void assertExactSums(long m, long n, long k) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = factor(t, integers(t.uniform(m, k, -3, 3)));
      Matrix b = factor(t, integers(t.uniform(k, n, -3, 3)));
      Matrix c = t.normal(m, n, 1);
      run(2, op, spec(false, false), Arguments.of(a, b, c));
      for (long i = 0; i < m; i++) {
        for (long j = 0; j < n; j += 11) {
          long sum = 0;
          for (long p = 0; p < k; p++) {
            sum += (long) value(a, i, p) * (long) value(b, p, j);
          }
          assertEquals(sum, c.getFloat(i, j), m + " x " + n + " x " + k);
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
          Matrix a = normal(t, m, 300);
          Matrix b = normal(t, n, 300);
          Matrix c = t.zeros(DType.F32, m, n);
          Matrix marked = t.zeros(DType.F32, m, n);
          for (long i = 0; i < m; i++) {
            for (long j = 0; j < n; j++) {
              marked.setFloat(i, j, Float.NaN);
            }
          }
          run(op, spec(false, true), Arguments.of(a, b, c));
          run(op, spec(false, true), Arguments.of(a, b, marked));
          assertSameBits(c, marked, "over NaN");
        }
      }
    }
  }

  @Test
  void specialValuesStayInTheirRowAndColumn() {
    for (long m : new long[] {4, 8, 25}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix a = factor(t, t.uniform(m, 20, 1, 2));
        Matrix b = factor(t, t.uniform(20, 35, 1, 2));
        set(a, 1, 19, Float.NaN);
        set(a, 3, 0, Float.POSITIVE_INFINITY);
        set(b, 7, 34, Float.NEGATIVE_INFINITY);
        Matrix c = t.zeros(DType.F32, m, 35);
        Matrix bias = t.zeros(DType.F32, 1, 35);
        Spec spec = spec(false, false);
        run(op, spec, Arguments.of(a, b, c));
        assertSpecial(c, Float.NEGATIVE_INFINITY);
        spec = spec.withEpilogue(Epilogue.BIAS_RELU);
        run(op, spec, new Arguments(a, b, c, bias, Batch.SINGLE));
        assertSpecial(c, 0);
        spec = spec.withEpilogue(Epilogue.BIAS_GELU);
        run(op, spec, new Arguments(a, b, c, bias, Batch.SINGLE));
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
      Matrix a = normal(t, 30, 48);
      Matrix b = normal(t, 50, 48);
      Matrix bias = t.normal(1, 50, 1);
      Matrix product = t.zeros(DType.F32, 30, 50);
      Matrix fused = t.zeros(DType.F32, 30, 50);
      Spec spec = spec(false, true);
      run(op, spec, Arguments.of(a, b, product));
      spec = spec.withEpilogue(Epilogue.BIAS_RELU);
      run(op, spec, new Arguments(a, b, fused, bias, Batch.SINGLE));
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

  @Test
  void allocatesNothing() {
    long[][] shapes = {{26, 37, 9}, {3, 37, 18}, {7, 37, 18}, {37, 3, 18}};
    for (boolean transA : BOTH) {
      for (boolean transB : BOTH) {
        for (long[] s : shapes) {
          try (Tensors t = Tensors.aligned(SEED)) {
            Matrix a = normal(t, transA ? s[2] : s[0], transA ? s[0] : s[2]);
            Matrix b = normal(t, transB ? s[1] : s[2], transB ? s[2] : s[1]);
            Matrix c = t.zeros(DType.F32, 2 * s[0], s[1]);
            Matrix bias = t.normal(1, s[1], 1);
            Spec spec = spec(transA, transB).withBeta(0.5f).withEpilogue(Epilogue.BIAS_GELU);
            Matrix first = c.rows(0, s[0]);
            assertNoAllocation(op, spec, new Arguments(a, b, first, bias, Batch.SINGLE));
            Batch batch = Batch.strided(2, 0, 0, s[0] * s[1]);
            assertNoAllocation(op, spec, new Arguments(a, b, first, bias, batch));
          }
        }
      }
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = normal(t, 4, 8);
      Matrix b = normal(t, 8, 6);
      Matrix c = t.zeros(DType.F32, 4, 6);
      Matrix bias = t.normal(1, 6, 1);
      Spec spec = spec(false, false);
      assertRefused(spec, Arguments.of(a, b, null), op + ": c: given null");
      assertRefused(spec, Arguments.of(a, c, c), "b: given F32 [4, 6]");
      assertRefused(spec, Arguments.of(b, b, c), "a: given " + factors + " [8, 6]");
      assertRefused(spec, Arguments.of(a, b, b), "");
      assertRefused(spec, new Arguments(a, b, c, bias, Batch.SINGLE), "bias: given F32 [1, 6]");
      Spec biased = spec.withEpilogue(Epilogue.BIAS);
      assertRefused(biased, Arguments.of(a, b, c), "bias: given null");
      assertRefused(
          biased, new Arguments(a, b, c, a, Batch.SINGLE), "bias: given " + factors + " [4, 8]");
      DType other = factors == DType.F32 ? DType.BF16 : DType.F32;
      assertRefused(spec, Arguments.of(t.zeros(DType.F64, 4, 8), b, c), "a: given F64");
      assertRefused(spec, Arguments.of(t.zeros(other, 4, 8), b, c), "a: given " + other);
      Matrix memory = t.normal(8, 8, 1);
      assertRefused(
          spec,
          Arguments.of(a, Matrix.of(memory.buffer(), factors, 8, 8), memory.rows(0, 4)),
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
      try (Tensors gone = Tensors.aligned(SEED)) {
        closed = gone.zeros(DType.F32, 4, 6);
      }
      assertRefused(spec, Arguments.of(a, b, closed), "c: given a closed buffer");
    }
    assertThrows(InvalidArgumentException.class, () -> spec(false, false).withAlpha(Float.NaN));
    assertThrows(InvalidArgumentException.class, () -> Batch.strided(0, 1, 1, 1));
    assertThrows(InvalidArgumentException.class, () -> Batch.strided(2, -1, 1, 1));
  }

  private void assertRefused(Spec spec, Arguments arguments, String message) {
    var e = assertThrows(InvalidArgumentException.class, () -> run(op, spec, arguments));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

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
import org.limbeck.kernels.op.GemmI8;
import org.limbeck.kernels.op.GemmI8.Arguments;
import org.limbeck.kernels.op.GemmI8.Output;
import org.limbeck.kernels.op.GemmI8.Spec;
import org.limbeck.kernels.op.InvalidArgumentException;

/** The contract of products of signed bytes, compared with sums in long that are written here. */
public abstract class GemmI8Contract extends KernelContract {
  private static final double U = 0x1p-24;
  private static final boolean[] BOTH = {false, true};

  /** Tests a backend. */
  protected GemmI8Contract(String backend) {
    super(backend);
  }

  private static Spec sums(boolean transB) {
    return new Spec(transB, Output.I32);
  }

  private static Spec scaled(boolean transB) {
    return new Spec(transB, Output.F32);
  }

  private static Matrix bytes(Tensors t, long rows, long cols) {
    return t.bytes(rows, cols, Byte.MIN_VALUE, Byte.MAX_VALUE);
  }

  private static long sum(Spec spec, Matrix a, Matrix b, long i, long j) {
    long sum = 0;
    for (long p = 0; p < a.cols(); p++) {
      sum += (long) a.getByte(i, p) * (spec.transB() ? b.getByte(j, p) : b.getByte(p, j));
    }
    return sum;
  }

  private void checkSums(Spec spec, Matrix a, Matrix b, Matrix c) {
    run(GemmI8.OP, spec, Arguments.of(a, b, c));
    assertSums(spec, a, b, c);
  }

  private static void assertSums(Spec spec, Matrix a, Matrix b, Matrix c) {
    for (long i = 0; i < c.rows(); i++) {
      for (long j = 0; j < c.cols(); j++) {
        long row = i;
        long col = j;
        assertEquals(
            sum(spec, a, b, i, j),
            c.getInt(i, j),
            () -> spec + " of " + a + " and " + b + " at (" + row + ", " + col + ")");
      }
    }
  }

  private void compare(Placement placement, boolean transB, long m, long n, long k) {
    try (Tensors t = new Tensors(placement, SEED)) {
      Matrix a = bytes(t, m, k);
      Matrix b = bytes(t, transB ? n : k, transB ? k : n);
      checkSums(sums(transB), a, b, t.zeros(DType.I32, m, n));
      Matrix rowScale = t.uniform(1, m, 0.001, 1);
      Matrix colScale = t.uniform(1, n, -1, 1);
      Matrix bias = t.normal(1, n, 1000);
      Matrix c = t.zeros(DType.F32, m, n);
      compareScaled(scaled(transB), new Arguments(a, b, c, rowScale, colScale, bias));
      compareScaled(scaled(transB), new Arguments(a, b, c, rowScale, colScale, null));
      t.assertPaddingIntact();
    }
  }

  private void compareScaled(Spec spec, Arguments args) {
    run(GemmI8.OP, spec, args);
    for (long i = 0; i < args.m(); i++) {
      for (long j = 0; j < args.n(); j++) {
        double scale = (double) args.rowScale().getFloat(0, i) * args.colScale().getFloat(0, j);
        double product = scale * sum(spec, args.a(), args.b(), i, j);
        double added = args.bias() == null ? 0 : args.bias().getFloat(0, j);
        double bound = 8 * U * (Math.abs(product) + Math.abs(added)) + 1e-37;
        long row = i;
        long col = j;
        assertWithin(
            product + added,
            args.c().getFloat(i, j),
            bound,
            () -> spec + " of " + args.a() + " at (" + row + ", " + col + ")");
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheFormulaInEveryLayout(Placement placement) {
    for (boolean transB : BOTH) {
      for (long[] s : ProductShapes.LAYOUTS) {
        compare(placement, transB, s[0], s[1], s[2]);
      }
    }
  }

  @Test
  void largeOperandsArePackedInSlabs() {
    for (long[] s : ProductShapes.SLABS) {
      compare(Placement.ALIGNED, false, s[0], s[1], isReference() ? 9 : s[2]);
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheFormulaAtEveryTail(Placement placement) {
    for (long size : sizesAroundLanes()) {
      for (boolean transB : BOTH) {
        compare(placement, transB, 13, size, 3);
        compare(placement, transB, size, 5, 6);
        compare(placement, transB, 2, 9, size);
        compare(placement, transB, 9, 2, size);
        compare(placement, transB, 1, 1, size);
      }
    }
  }

  @Test
  void productsOfAllPairsOfBytesAreExact() {
    for (boolean transB : BOTH) {
      for (int times : new int[] {1, 2, 3, 4, 64}) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix a = t.zeros(DType.I8, 256, times);
          Matrix b = t.zeros(DType.I8, transB ? 256 : times, transB ? times : 256);
          for (int v = 0; v < 256; v++) {
            for (int p = 0; p < times; p++) {
              a.setByte(v, p, (byte) v);
              b.setByte(transB ? v : p, transB ? p : v, (byte) v);
            }
          }
          Matrix c = t.zeros(DType.I32, 256, 256);
          run(GemmI8.OP, sums(transB), Arguments.of(a, b, c));
          for (int v = 0; v < 256; v++) {
            for (int w = 0; w < 256; w++) {
              assertEquals(times * (byte) v * (byte) w, c.getInt(v, w));
            }
          }
        }
      }
    }
  }

  /** The largest sums of each sign, at the largest k and where unsigned halves pass int32. */
  @Test
  void longestSumsOfExtremesAreExact() {
    for (boolean transB : BOTH) {
      for (long k : new long[] {65_793, 66_052, 131_070, GemmI8.MAX_K}) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix a = t.zeros(DType.I8, 3, k);
          Matrix b = t.zeros(DType.I8, transB ? 3 : k, transB ? k : 3);
          for (long p = 0; p < k; p++) {
            byte[] values = {Byte.MIN_VALUE, Byte.MAX_VALUE, (byte) (p % 2 == 0 ? 127 : -128)};
            for (int i = 0; i < 3; i++) {
              a.setByte(i, p, values[i]);
              b.setByte(transB ? i : p, transB ? p : i, values[i]);
            }
          }
          checkSums(sums(transB), a, b, t.zeros(DType.I32, 3, 3));
        }
      }
    }
  }

  @Test
  void identityGivesTheOtherFactorExactly() {
    for (boolean transB : BOTH) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = bytes(t, 37, 45);
        Matrix identity = t.zeros(DType.I8, 45, 45);
        for (long i = 0; i < 45; i++) {
          identity.setByte(i, i, (byte) -1);
        }
        Matrix c = t.zeros(DType.I32, 37, 45);
        run(GemmI8.OP, sums(transB), Arguments.of(x, identity, c));
        for (long i = 0; i < 37; i++) {
          for (long j = 0; j < 45; j++) {
            assertEquals(-x.getByte(i, j), c.getInt(i, j));
          }
        }
      }
    }
  }

  @Test
  void withoutSumsTheBiasRemains() {
    for (long m : new long[] {1, 4, 30}) {
      for (long n : new long[] {1, 5, 40}) {
        compare(Placement.ALIGNED, true, m, n, 0);
        compare(Placement.ALIGNED, false, m, n, 0);
      }
    }
  }

  @Test
  void scalesThatAreNotFiniteStayInTheirRowAndColumn() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.bytes(6, 20, 1, 100);
      Matrix b = t.bytes(20, 35, 1, 100);
      Matrix rowScale = t.uniform(1, 6, 0.5, 1);
      Matrix colScale = t.uniform(1, 35, 0.5, 1);
      Matrix bias = t.normal(1, 35, 1);
      rowScale.setFloat(0, 2, Float.NaN);
      colScale.setFloat(0, 34, Float.POSITIVE_INFINITY);
      Matrix c = t.zeros(DType.F32, 6, 35);
      run(GemmI8.OP, scaled(false), new Arguments(a, b, c, rowScale, colScale, bias));
      for (long i = 0; i < 6; i++) {
        for (long j = 0; j < 35; j++) {
          float value = c.getFloat(i, j);
          if (i == 2) {
            assertTrue(Float.isNaN(value), () -> "expected NaN, got " + value);
          } else {
            assertEquals(j != 34, Float.isFinite(value), () -> "got " + value);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    for (boolean transB : BOTH) {
      for (long[] s : ProductShapes.split(isReference())) {
        long m = s[0];
        long n = s[1];
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix a = bytes(t, m, s[2]);
          Matrix b = bytes(t, transB ? n : s[2], transB ? s[2] : n);
          Matrix rowScale = t.uniform(1, m, 0.001, 1);
          Matrix colScale = t.uniform(1, n, -1, 1);
          Matrix bias = t.normal(1, n, 1);
          Matrix sums = t.zeros(DType.I32, m, n);
          run(threads, GemmI8.OP, sums(transB), Arguments.of(a, b, sums));
          assertSums(sums(transB), a, b, sums);
          Matrix one = t.zeros(DType.F32, m, n);
          Matrix many = t.zeros(DType.F32, m, n);
          Spec spec = scaled(transB);
          run(1, GemmI8.OP, spec, new Arguments(a, b, one, rowScale, colScale, bias));
          run(threads, GemmI8.OP, spec, new Arguments(a, b, many, rowScale, colScale, bias));
          assertSameBits(one, many, m + " x " + n);
        }
      }
    }
  }

  @Test
  void allocatesNothing() {
    long[][] shapes = {{26, 37, 9}, {3, 37, 18}, {1, 37, 130}, {37, 3, 18}};
    for (boolean transB : BOTH) {
      for (long[] s : shapes) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix a = bytes(t, s[0], s[2]);
          Matrix b = bytes(t, transB ? s[1] : s[2], transB ? s[2] : s[1]);
          Matrix sums = t.zeros(DType.I32, s[0], s[1]);
          assertNoAllocation(GemmI8.OP, sums(transB), Arguments.of(a, b, sums));
          Matrix rowScale = t.uniform(1, s[0], 0.001, 1);
          Matrix colScale = t.uniform(1, s[1], -1, 1);
          Matrix bias = t.normal(1, s[1], 1);
          Matrix c = t.zeros(DType.F32, s[0], s[1]);
          Arguments args = new Arguments(a, b, c, rowScale, colScale, bias);
          assertNoAllocation(GemmI8.OP, scaled(transB), args);
        }
      }
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = bytes(t, 4, 8);
      Matrix b = bytes(t, 8, 6);
      Matrix c = t.zeros(DType.I32, 4, 6);
      Matrix y = t.zeros(DType.F32, 4, 6);
      Matrix four = t.normal(1, 4, 1);
      Matrix six = t.normal(1, 6, 1);
      Spec sums = sums(false);
      Spec scaled = scaled(false);
      assertRefused(sums, Arguments.of(a, b, null), "gemm_i8: c: given null");
      assertRefused(sums, Arguments.of(a, b, y), "c: given F32");
      assertRefused(sums, Arguments.of(t.zeros(DType.U8, 4, 8), b, c), "a: given U8");
      assertRefused(sums, Arguments.of(b, b, c), "a: given I8 [8, 6]");
      assertRefused(sums, Arguments.of(a, a, c), "b: given I8 [4, 8]");
      assertRefused(sums(true), Arguments.of(a, b, c), "b: given I8 [8, 6]");
      assertRefused(sums, new Arguments(a, b, c, four, null, null), "rowScale: given F32");
      assertRefused(sums, new Arguments(a, b, c, null, six, null), "colScale: given F32");
      assertRefused(sums, new Arguments(a, b, c, null, null, six), "bias: given F32");
      assertRefused(scaled, new Arguments(a, b, c, four, six, six), "c: given I32");
      assertRefused(scaled, new Arguments(a, b, y, null, six, six), "rowScale: given null");
      assertRefused(scaled, new Arguments(a, b, y, four, null, six), "colScale: given null");
      assertRefused(scaled, new Arguments(a, b, y, six, six, six), "rowScale: given F32 [1, 6]");
      assertRefused(scaled, new Arguments(a, b, y, four, four, six), "colScale: given F32 [1, 4]");
      assertRefused(scaled, new Arguments(a, b, y, four, six, four), "bias: given F32 [1, 4]");
      Matrix inside = Matrix.of(c.buffer(), DType.I8, 8, 6);
      assertRefused(sums, Arguments.of(a, inside, c), "c: given memory that overlaps b");
      Matrix begin = Matrix.of(y.buffer(), DType.F32, 1, 4);
      assertRefused(
          scaled, new Arguments(a, b, y, begin, six, null), "c: given memory that overlaps row");
      long tooLong = GemmI8.MAX_K + 1;
      Matrix wide = t.zeros(DType.I8, 1, tooLong);
      assertRefused(
          sums(true), Arguments.of(wide, wide, t.zeros(DType.I32, 1, 1)), "k of at most 131071");
      Matrix closed;
      try (Tensors gone = Tensors.aligned(SEED)) {
        closed = gone.zeros(DType.I32, 4, 6);
      }
      assertRefused(sums, Arguments.of(a, b, closed), "c: given a closed buffer");
    }
  }

  private void assertRefused(Spec spec, Arguments arguments, String message) {
    var e = assertThrows(InvalidArgumentException.class, () -> run(GemmI8.OP, spec, arguments));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostBuffer;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmTernary;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.kernels.op.GemmTernary.Arguments;
import org.limbeck.kernels.op.GemmTernary.Spec;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * The contract of products with packed ternary weights, compared with sums in double and in long
 * that are written here, over the weights before they were packed.
 */
public abstract class GemmTernaryContract extends KernelContract {
  private static final double U = 0x1p-24;
  private static final Spec F32 = new Spec(Activations.F32);
  private static final Spec I8 = new Spec(Activations.I8_ROW);

  @TempDir private Path directory;

  /** Tests a backend. */
  protected GemmTernaryContract(String backend) {
    super(backend);
  }

  private static Matrix codes(Tensors t, long rows, long cols) {
    return t.bytes(rows, cols, -1, 1);
  }

  private void compare(Placement placement, long m, long n, long k) {
    try (Tensors t = new Tensors(placement, SEED)) {
      Matrix x = t.normal(m, k, 3);
      Matrix codes = codes(t, n, k);
      PackedTernary weights = t.packed(codes);
      Matrix one = t.uniform(1, 1, 0.01, 1);
      Matrix each = t.uniform(1, n, -1, 1);
      Matrix bias = t.normal(1, n, 1);
      Matrix y = t.zeros(DType.F32, m, n);
      Matrix acc = t.zeros(DType.I32, m, n);
      checkFloats(codes, new Arguments(x, weights, one, null, y, null));
      checkFloats(codes, new Arguments(x, weights, each, bias, y, null));
      checkIntegers(codes, new Arguments(x, weights, each, null, y, acc));
      checkIntegers(codes, new Arguments(x, weights, one, bias, y, null));
      t.assertPaddingIntact();
    }
  }

  private static double scale(Arguments args, long j) {
    return args.scale().getFloat(0, args.scale().cols() == 1 ? 0 : j);
  }

  private static double bias(Arguments args, long j) {
    return args.bias() == null ? 0 : args.bias().getFloat(0, j);
  }

  private void checkFloats(Matrix codes, Arguments args) {
    run(GemmTernary.OP, F32, args);
    for (long i = 0; i < args.m(); i++) {
      for (long j = 0; j < args.n(); j++) {
        double sum = 0;
        double size = 0;
        for (long p = 0; p < args.k(); p++) {
          double term = (double) args.x().getFloat(i, p) * codes.getByte(j, p);
          sum += term;
          size += Math.abs(term);
        }
        double want = sum * scale(args, j) + bias(args, j);
        size = size * Math.abs(scale(args, j)) + Math.abs(bias(args, j));
        double bound = (args.k() + 8) * U * size + 1e-37;
        assertWithin(want, args.y().getFloat(i, j), bound, at("F32", args, i, j));
      }
    }
  }

  private static Supplier<String> at(String what, Arguments args, long i, long j) {
    return () -> what + ", " + args.x() + " by " + args.weights() + " at (" + i + ", " + j + ")";
  }

  /** The quantizer in float32, as the contract writes it. */
  private static int[] quantized(Matrix x, long row) {
    int[] codes = new int[(int) x.cols()];
    float factor = 127 / top(x, row);
    for (int p = 0; p < codes.length && factor < Float.POSITIVE_INFINITY; p++) {
      codes[p] = (int) Math.rint(x.getFloat(row, p) * factor);
    }
    return codes;
  }

  private static float top(Matrix x, long row) {
    float top = 0;
    for (long p = 0; p < x.cols(); p++) {
      top = Math.max(top, Math.abs(x.getFloat(row, p)));
    }
    return top;
  }

  private void checkIntegers(Matrix codes, Arguments args) {
    run(GemmTernary.OP, I8, args);
    for (long i = 0; i < args.m(); i++) {
      int[] q = quantized(args.x(), i);
      double step = top(args.x(), i) / 127;
      for (long j = 0; j < args.n(); j++) {
        long sum = 0;
        for (int p = 0; p < q.length; p++) {
          sum += (long) q[p] * codes.getByte(j, p);
        }
        if (args.acc() != null) {
          assertEquals(sum, args.acc().getInt(i, j), at("sum", args, i, j));
        }
        double product = sum * step * scale(args, j);
        double bound = 8 * U * (Math.abs(product) + Math.abs(bias(args, j))) + 1e-37;
        double want = product + bias(args, j);
        assertWithin(want, args.y().getFloat(i, j), bound, at("I8_ROW", args, i, j));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheFormulaAtEveryTail(Placement placement) {
    for (long size : sizesAroundLanes()) {
      compare(placement, 1, 3, size);
      compare(placement, 5, 2, size);
      compare(placement, size, 2, 3);
      compare(placement, 2, size, 5);
    }
  }

  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheFormulaAroundPlanesAndBlocks(Placement placement) {
    for (long border : new long[] {64, 128, 192, 256, 320, 512, 768}) {
      for (long k = border - 1; k <= border + 1; k++) {
        compare(placement, 1, 9, k);
        compare(placement, 6, 5, k);
      }
    }
    compare(placement, 17, 33, 300);
    compare(placement, 40, 70, 129);
  }

  /** A permutation of the weights within a row would show: each column is met alone. */
  @Test
  void eachWeightMeetsItsActivation() {
    long k = 600;
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.zeros(DType.F32, 2, k);
      Matrix codes = t.zeros(DType.I8, k, k);
      for (long p = 0; p < k; p++) {
        x.setFloat(0, p, p % 127 + 1);
        x.setFloat(1, p, p == 17 ? -127 : p / 5 - 60);
        codes.setByte(p, p, (byte) (p % 2 == 0 ? 1 : -1));
      }
      Matrix one = t.zeros(DType.F32, 1, 1);
      one.setFloat(0, 0, 1);
      Matrix y = t.zeros(DType.F32, 2, k);
      Matrix acc = t.zeros(DType.I32, 2, k);
      Arguments args = new Arguments(x, t.packed(codes), one, null, y, acc);
      run(GemmTernary.OP, I8, args);
      for (long i = 0; i < 2; i++) {
        for (long p = 0; p < k; p++) {
          float want = x.getFloat(i, p) * codes.getByte(p, p);
          assertEquals((int) want, acc.getInt(i, p), "column " + p);
          assertTrue(want == y.getFloat(i, p), "column " + p);
        }
      }
      run(GemmTernary.OP, F32, Arguments.of(x, args.weights(), one, y));
      for (long i = 0; i < 2; i++) {
        for (long p = 0; p < k; p++) {
          assertTrue(x.getFloat(i, p) * codes.getByte(p, p) == y.getFloat(i, p), "column " + p);
        }
      }
    }
  }

  /** What quantization-aware training saw is what inference computes. */
  @Test
  void sumsAreThoseOfTheCodesOfFakeQuant() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(40, 333, 2);
      Matrix w = t.normal(12, 333, 0.05);
      Matrix q = t.zeros(DType.I8, 40, 333);
      Matrix codes = t.zeros(DType.I8, 12, 333);
      Matrix alpha = t.zeros(DType.F32, 1, 12);
      float none = Float.POSITIVE_INFINITY;
      FakeQuant.Group row = FakeQuant.Group.ROW;
      FakeQuant.Ste ste = FakeQuant.Ste.PLAIN;
      runReference(
          FakeQuant.FORWARD,
          new FakeQuant.Spec(FakeQuant.Scheme.UNIFORM_SYMMETRIC, 8, row, none, ste),
          new FakeQuant.Forward(x, null, null, q, null, null));
      Matrix ternary = t.zeros(DType.F32, 12, 333);
      runReference(
          FakeQuant.FORWARD,
          new FakeQuant.Spec(FakeQuant.Scheme.TERNARY_TWN, 2, row, none, ste),
          new FakeQuant.Forward(w, null, ternary, codes, alpha, null));
      Matrix y = t.zeros(DType.F32, 40, 12);
      Matrix acc = t.zeros(DType.I32, 40, 12);
      PackedTernary packed = t.packed(codes);
      run(GemmTernary.OP, I8, new Arguments(x, packed, alpha, null, y, acc));
      for (long i = 0; i < 40; i++) {
        for (long j = 0; j < 12; j++) {
          int sum = 0;
          for (long p = 0; p < 333; p++) {
            sum += q.getByte(i, p) * codes.getByte(j, p);
          }
          assertEquals(sum, acc.getInt(i, j));
        }
      }
      Matrix want = t.zeros(DType.F32, 40, 12);
      run(GemmTernary.OP, F32, Arguments.of(x, packed, alpha, y));
      runReference(
          GemmF32.OP, GemmF32.Spec.of(false, true), GemmF32.Arguments.of(x, ternary, want));
      double size = 333 * 10 * 0.2;
      assertClose(want, y, 0, 341 * U * size, "packed and dequantized weights");
    }
  }

  @Test
  void tiesGoToTheEvenCode() {
    float[] ties = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -126.5f, 125.5f, -127};
    int[] want = {127, 0, 2, 2, 0, -2, -2, 126, -126, 126, -127};
    int n = ties.length;
    for (float factor : new float[] {1, 0x1p-90f, 0x1p90f}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.zeros(DType.F32, 1, n);
        Matrix codes = t.zeros(DType.I8, n, n);
        for (int p = 0; p < n; p++) {
          x.setFloat(0, p, ties[p] * factor);
          codes.setByte(p, p, (byte) 1);
        }
        Matrix acc = t.zeros(DType.I32, 1, n);
        Matrix y = t.zeros(DType.F32, 1, n);
        Matrix one = t.uniform(1, 1, 1, 1);
        run(GemmTernary.OP, I8, new Arguments(x, t.packed(codes), one, null, y, acc));
        for (int p = 0; p < n; p++) {
          assertEquals(want[p], acc.getInt(0, p), "code of " + ties[p] + " times " + factor);
        }
      }
    }
  }

  /** -0 and 0, rows too small for a scale, and large numbers. */
  @Test
  void rowsOfEveryMagnitudeAreQuantized() {
    float[] tops = {0, -0f, Float.MIN_VALUE, 0x1p-126f, 3e-37f, 4e-37f, 1, 1e30f, 4e36f};
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.uniform(tops.length, 70, -1, 1);
      for (int i = 0; i < tops.length; i++) {
        for (long p = 0; p < 70; p++) {
          x.setFloat(i, p, p == 3 ? tops[i] : x.getFloat(i, p) * tops[i]);
        }
      }
      Matrix codes = codes(t, 5, 70);
      Matrix scale = t.uniform(1, 5, 0.25, 0.5);
      Matrix y = t.zeros(DType.F32, tops.length, 5);
      Matrix acc = t.zeros(DType.I32, tops.length, 5);
      checkIntegers(codes, new Arguments(x, t.packed(codes), scale, null, y, acc));
      for (long j = 0; j < 5; j++) {
        for (long i = 0; i < 5; i++) {
          assertEquals(0, acc.getInt(i, j), "row " + i);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Activations.class)
  void rowsWithoutWeightsGiveExactlyTheBias(Activations activations) {
    for (long k : new long[] {0, 1, 63, 64, 65, 257, 1000}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(9, k, 1e6);
        Matrix codes = codes(t, 7, k);
        for (long p = 0; p < k; p++) {
          codes.setByte(2, p, (byte) 0);
          codes.setByte(5, p, (byte) 0);
        }
        Matrix bias = t.normal(1, 7, 1e-3);
        Matrix scale = t.uniform(1, 7, 0.1, 1);
        Matrix y = t.normal(9, 7, 1);
        Spec spec = new Spec(activations);
        PackedTernary weights = t.packed(codes);
        run(GemmTernary.OP, spec, new Arguments(x, weights, scale, bias, y, null));
        for (long i = 0; i < 9; i++) {
          for (long j = 0; j < 7; j++) {
            if (k == 0 || j == 2 || j == 5) {
              assertEquals(bias.getFloat(0, j), y.getFloat(i, j));
            }
          }
        }
        run(GemmTernary.OP, spec, Arguments.of(x, weights, scale, y));
        assertTrue(y.getFloat(8, 5) == 0, "no weights and no bias");
      }
    }
  }

  @Test
  void longestSumsAreExact() {
    for (long k : new long[] {4096, 70_001, GemmTernary.MAX_K_I8}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.zeros(DType.F32, 2, k);
        Matrix codes = t.zeros(DType.I8, 4, k);
        for (long p = 0; p < k; p++) {
          x.setFloat(0, p, 2);
          x.setFloat(1, p, p % 2 == 0 ? -1 : 1);
          codes.setByte(0, p, (byte) 1);
          codes.setByte(1, p, (byte) -1);
          codes.setByte(2, p, (byte) (p % 2 == 0 ? 1 : -1));
        }
        Matrix acc = t.zeros(DType.I32, 2, 4);
        Matrix y = t.zeros(DType.F32, 2, 4);
        Matrix one = t.uniform(1, 1, 1, 1);
        run(GemmTernary.OP, I8, new Arguments(x, t.packed(codes), one, null, y, acc));
        int odd = (int) (k % 2) * 127;
        int all = (int) k * 127;
        int[][] want = {{all, -all, odd, 0}, {-odd, odd, -all, 0}};
        for (int i = 0; i < 2; i++) {
          for (int j = 0; j < 4; j++) {
            assertEquals(want[i][j], acc.getInt(i, j), "k = " + k);
          }
        }
      }
    }
  }

  @Test
  void specialValuesStayInTheirRow() {
    for (long k : new long[] {3, 70, 300}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(11, k, 1);
        x.setFloat(1, k - 1, Float.NaN);
        x.setFloat(4, 0, Float.POSITIVE_INFINITY);
        x.setFloat(9, k / 2, Float.NEGATIVE_INFINITY);
        Matrix codes = codes(t, 6, k);
        for (long p : new long[] {0, k / 2, k - 1}) {
          for (long j = 0; j < 6; j++) {
            codes.setByte(j, p, (byte) (j % 2 == 0 ? 1 : -1));
          }
        }
        Matrix y = t.zeros(DType.F32, 11, 6);
        Matrix acc = t.zeros(DType.I32, 11, 6);
        Matrix one = t.uniform(1, 1, 1, 1);
        PackedTernary weights = t.packed(codes);
        run(GemmTernary.OP, F32, Arguments.of(x, weights, one, y));
        assertSpecial(y, false);
        run(GemmTernary.OP, I8, new Arguments(x, weights, one, null, y, acc));
        assertSpecial(y, true);
        for (long j = 0; j < 6; j++) {
          assertEquals(0, acc.getInt(1, j));
          assertEquals(0, acc.getInt(4, j));
          assertEquals(0, acc.getInt(9, j));
        }
      }
    }
  }

  private static void assertSpecial(Matrix y, boolean alwaysNan) {
    for (long i = 0; i < y.rows(); i++) {
      for (long j = 0; j < y.cols(); j++) {
        float value = y.getFloat(i, j);
        if (i == 1 || (alwaysNan && (i == 4 || i == 9))) {
          assertTrue(Float.isNaN(value), () -> "expected NaN, got " + value);
        } else {
          assertEquals(i != 4 && i != 9, Float.isFinite(value), () -> "got " + value);
        }
      }
    }
  }

  /** Weights are read where a file is mapped, at whatever offset they lie there. */
  @Test
  void weightsOfAMappedFileGiveTheSameBits() throws IOException {
    try (Tensors t = Tensors.aligned(SEED);
        Arena arena = Arena.ofShared()) {
      Matrix x = t.normal(3, 300, 1);
      PackedTernary weights = t.packed(codes(t, 9, 300));
      Matrix scale = t.uniform(1, 9, 0.1, 1);
      Matrix want = t.zeros(DType.F32, 3, 9);
      Matrix got = t.zeros(DType.F32, 3, 9);
      byte[] packed = weights.bytes().segment().toArray(ValueLayout.JAVA_BYTE);
      byte[] file = new byte[packed.length + 13];
      System.arraycopy(packed, 0, file, 13, packed.length);
      Path path = directory.resolve("weights.bin");
      Files.write(path, file);
      try (FileChannel channel = FileChannel.open(path)) {
        var mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, file.length, arena);
        PackedTernary view = PackedTernary.of(HostBuffer.of(mapped), 13, 9, 300);
        view.validate();
        for (Spec spec : new Spec[] {F32, I8}) {
          run(GemmTernary.OP, spec, Arguments.of(x, weights, scale, want));
          run(GemmTernary.OP, spec, Arguments.of(x, view, scale, got));
          assertSameBits(want, got, "mapped weights");
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void threadsDoNotChangeABit(int threads) {
    long shrink = isReference() ? 8 : 1;
    long[][] shapes = {
      {64, 800, 300}, {1, 4000, 520}, {3, 2500, 70}, {3000, 3, 60}, {101, 120, 500}
    };
    for (long[] s : shapes) {
      long m = Math.max(1, s[0] / shrink);
      long n = Math.max(1, s[1] / shrink);
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(m, s[2], 1);
        PackedTernary weights = t.packed(codes(t, n, s[2]));
        Matrix scale = t.uniform(1, n, 0.1, 1);
        Matrix bias = t.normal(1, n, 1);
        Matrix one = t.zeros(DType.F32, m, n);
        Matrix many = t.zeros(DType.F32, m, n);
        Matrix oneAcc = t.zeros(DType.I32, m, n);
        Matrix manyAcc = t.zeros(DType.I32, m, n);
        run(1, GemmTernary.OP, F32, new Arguments(x, weights, scale, bias, one, null));
        run(threads, GemmTernary.OP, F32, new Arguments(x, weights, scale, bias, many, null));
        assertSameBits(one, many, "F32, " + m + " x " + n);
        run(1, GemmTernary.OP, I8, new Arguments(x, weights, scale, bias, one, oneAcc));
        run(threads, GemmTernary.OP, I8, new Arguments(x, weights, scale, bias, many, manyAcc));
        assertSameBits(one, many, "I8_ROW, " + m + " x " + n);
        assertSameBits(oneAcc, manyAcc, "sums, " + m + " x " + n);
      }
    }
  }

  @Test
  void allocatesNothing() {
    for (long[] s : new long[][] {{1, 37, 300}, {26, 37, 65}, {37, 3, 18}}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.normal(s[0], s[2], 1);
        PackedTernary weights = t.packed(codes(t, s[1], s[2]));
        Matrix scale = t.uniform(1, s[1], 0.1, 1);
        Matrix bias = t.normal(1, s[1], 1);
        Matrix y = t.zeros(DType.F32, s[0], s[1]);
        Matrix acc = t.zeros(DType.I32, s[0], s[1]);
        assertNoAllocation(GemmTernary.OP, F32, new Arguments(x, weights, scale, bias, y, null));
        assertNoAllocation(GemmTernary.OP, I8, new Arguments(x, weights, scale, bias, y, acc));
      }
    }
  }

  @Test
  void refusesBadArguments() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(4, 8, 1);
      PackedTernary w = t.packed(codes(t, 6, 8));
      Matrix s = t.normal(1, 6, 1);
      Matrix y = t.zeros(DType.F32, 4, 6);
      Matrix acc = t.zeros(DType.I32, 4, 6);
      assertRefused(F32, Arguments.of(x, w, s, null), "gemm_ternary: y: given null");
      assertRefused(F32, Arguments.of(null, w, s, y), "x: given null");
      assertRefused(F32, Arguments.of(x, null, s, y), "weights: given null, expected packed");
      assertRefused(F32, Arguments.of(x, w, null, y), "scale: given null");
      assertRefused(F32, Arguments.of(y, w, s, y), "weights: given planes64-v1 [6, 8]");
      assertRefused(F32, Arguments.of(t.normal(3, 8, 1), w, s, y), "x: given F32 [3, 8]");
      assertRefused(F32, Arguments.of(t.bytes(4, 8, 0, 1), w, s, y), "x: given I8");
      assertRefused(F32, Arguments.of(x, w.rows(0, 5), s, y), "weights: given planes64-v1 [5, 8]");
      assertRefused(F32, Arguments.of(x, w, t.normal(1, 4, 1), y), "[1, 1] or [1, 6]");
      assertRefused(F32, Arguments.of(x, w, t.normal(6, 1, 1), y), "[1, 1] or [1, 6]");
      assertRefused(F32, new Arguments(x, w, s, t.normal(1, 4, 1), y, null), "bias: given");
      assertRefused(F32, new Arguments(x, w, s, s, y, acc), "acc: given I32 [4, 6]");
      assertRefused(I8, new Arguments(x, w, s, s, y, y), "acc: given F32");
      assertRefused(I8, new Arguments(x, w, s, s, y, acc.rows(0, 3)), "acc: given I32 [3, 6]");
      Matrix over = Matrix.of(y.buffer(), DType.I32, 4, 6);
      assertRefused(I8, new Arguments(x, w, s, s, y, over), "acc: given memory that overlaps y");
      Matrix first = Matrix.of(y.buffer(), DType.F32, 1, 6);
      assertRefused(I8, Arguments.of(x, w, first, y), "y: given memory that overlaps scale");
      PackedTernary inside = PackedTernary.of(x.buffer(), 0, 2, 8);
      Matrix two = Matrix.of(x.buffer(), DType.F32, 4, 2);
      Matrix other = t.normal(4, 8, 1);
      assertRefused(F32, Arguments.of(other, inside, t.normal(1, 2, 1), two), "overlaps weights");
      long tooLong = GemmTernary.MAX_K_I8 + 1;
      Matrix wide = t.zeros(DType.F32, 1, tooLong);
      PackedTernary long1 = t.packed(t.zeros(DType.I8, 1, tooLong));
      Matrix single = t.zeros(DType.F32, 1, 1);
      Matrix one = t.uniform(1, 1, 1, 1);
      assertRefused(I8, Arguments.of(wide, long1, one, single), "k of at most 524288");
      run(GemmTernary.OP, F32, Arguments.of(wide, long1, one, single));
      assertFalse(single.getFloat(0, 0) != 0);
      PackedTernary closed;
      try (Tensors gone = Tensors.aligned(SEED)) {
        closed = gone.packed(codes(gone, 6, 8));
      }
      assertRefused(F32, Arguments.of(x, closed, s, y), "weights: given a closed buffer");
    }
  }

  private void assertRefused(Spec spec, Arguments arguments, String message) {
    var e =
        assertThrows(InvalidArgumentException.class, () -> run(GemmTernary.OP, spec, arguments));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}

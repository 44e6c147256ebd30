// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.GemmF32.Batch;
import org.limbeck.kernels.op.GemmF32.Epilogue;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.GemmF32.Spec;
import org.limbeck.vectors.contract.Tensors;

/**
 * Checks of products that are large enough for the kernels of large ones.
 *
 * @param factors the type of the factors
 * @param precision the precision of the products
 * @param product computes one
 */
record LargeProducts(DType factors, Precision precision, Product product) {
  /** A device has more multiprocessors than the emulator, and large products more tiles. */
  private static final boolean EMULATED = TestedBackend.name().equals(EmulatedProvider.NAME);

  static final int M = EMULATED ? 200 : 1416;
  static final int N = EMULATED ? 296 : 2600;

  /** Computes a product on the backend under test. */
  @FunctionalInterface
  interface Product {
    void run(Spec spec, Arguments arguments);
  }

  private Spec spec(boolean transA, boolean transB) {
    return Spec.of(transA, transB).withPrecision(precision);
  }

  private Matrix factor(Tensors t, Matrix values) {
    return factors == DType.F32 ? values : t.rounded(values);
  }

  /** Small whole numbers, so that every sum is exact. */
  private static Matrix integers(Tensors t, long rows, long cols) {
    Matrix m = t.uniform(rows, cols, -3, 3);
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < cols; c++) {
        m.setFloat(r, c, Math.round(m.getFloat(r, c)));
      }
    }
    return m;
  }

  private float[][] rows(Matrix m, boolean transposed) {
    float[][] x = new float[(int) (transposed ? m.cols() : m.rows())][];
    for (int r = 0; r < x.length; r++) {
      x[r] = new float[(int) (transposed ? m.rows() : m.cols())];
      for (int c = 0; c < x[r].length; c++) {
        long row = transposed ? c : r;
        long col = transposed ? r : c;
        x[r][c] = factors == DType.F32 ? m.getFloat(row, col) : m.getBfloat16(row, col);
      }
    }
    return x;
  }

  /** Tiles with tails in each direction. */
  void wholeNumbersAreExact(boolean transA, boolean transB, long seed) {
    wholeNumbersAreExact(transA, transB, M, N, 64, seed);
    wholeNumbersAreExact(transA, transB, M, N, 328, seed);
  }

  /** Products of some sizes. */
  void wholeNumbersAreExact(boolean transA, boolean transB, int m, int n, int k, long seed) {
    try (Tensors t = Tensors.aligned(seed)) {
      Matrix a = factor(t, integers(t, transA ? k : m, transA ? m : k));
      Matrix b = factor(t, integers(t, transB ? n : k, transB ? k : n));
      Matrix c = integers(t, m, n);
      Matrix before = t.copy(c);
      Matrix scaled = t.zeros(DType.F32, m, n);
      Matrix bias = integers(t, 1, n);
      Spec spec = spec(transA, transB).withAlpha(0.5f);
      // Sums that are only scaled are written in another way.
      product.run(spec, new Arguments(a, b, scaled, null, Batch.SINGLE));
      spec = spec.withBeta(2).withEpilogue(Epilogue.BIAS_RELU);
      product.run(spec, new Arguments(a, b, c, bias, Batch.SINGLE));
      float[][] left = rows(a, transA);
      float[][] right = rows(b, !transB);
      String which = transA + ", " + transB;
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          float sum = 0;
          for (int p = 0; p < k; p++) {
            sum += left[i][p] * right[j][p];
          }
          assertEquals(0.5f * sum + 0.0f, scaled.getFloat(i, j) + 0.0f, which);
          sum = 0.5f * sum + 2 * before.getFloat(i, j) + bias.getFloat(0, j);
          assertEquals(Math.max(0, sum), c.getFloat(i, j) + 0.0f, which);
        }
      }
    }
  }

  /** Matrices that lie so many elements behind one another, of A and of the transposed B. */
  void batchHasTheBitsOfEachAlone(long stepA, long stepB, long seed) {
    batchHasTheBitsOfEachAlone(M, N, 96, stepA, stepB, seed);
  }

  /** The same with long sums for few rows and columns, which are cut. */
  void slicedBatchHasTheBitsOfEachAlone(long stepA, long stepB, long seed) {
    batchHasTheBitsOfEachAlone(72, 136, 2056, stepA, stepB, seed);
  }

  private void batchHasTheBitsOfEachAlone(int m, int n, int k, long stepA, long stepB, long seed) {
    try (Tensors t = Tensors.aligned(seed)) {
      Matrix a = factor(t, t.normal(m, k + 4 * stepA, 1)).columns(0, k);
      Matrix b = factor(t, t.normal(n, k + 4 * stepB, 1)).columns(0, k);
      Matrix bias = t.normal(1, n, 1);
      Matrix c = t.zeros(DType.F32, 4L * m, n);
      Matrix want = t.zeros(DType.F32, 4L * m, n);
      Spec spec = spec(false, true).withEpilogue(Epilogue.BIAS_GELU);
      long size = (long) m * n;
      Batch batch = new Batch(2, 2, 2 * stepA, stepA, 2 * stepB, stepB, 2 * size, size);
      product.run(spec, new Arguments(a, b, c.rows(0, m), bias, batch));
      for (int i = 0; i < 4; i++) {
        Matrix ai = shifted(a, i * stepA);
        Matrix bi = shifted(b, i * stepB);
        Matrix ci = want.rows((long) i * m, (i + 1L) * m);
        product.run(spec, new Arguments(ai, bi, ci, bias, Batch.SINGLE));
      }
      for (long i = 0; i < 4L * m; i++) {
        for (long j = 0; j < n; j++) {
          assertEquals(
              Float.floatToIntBits(want.getFloat(i, j)),
              Float.floatToIntBits(c.getFloat(i, j)),
              () -> "steps of " + stepA + " and " + stepB);
        }
      }
      assertFalse(want.getFloat(0, 0) == want.getFloat(m, 0), "the matrices are the same");
    }
  }

  private static Matrix shifted(Matrix m, long cols) {
    long offset = m.offsetBytes() + cols * m.type().bytes();
    return new Matrix(m.buffer(), m.type(), offset, m.rows(), m.cols(), m.rowStride());
  }
}

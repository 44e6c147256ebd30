// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.GemmF32.Batch;
import org.limbeck.kernels.op.GemmF32.Epilogue;
import org.limbeck.kernels.op.GemmF32.Spec;
import org.limbeck.vectors.contract.GemmBf16Contract;
import org.limbeck.vectors.contract.Tensors;

/** Products of bfloat16 matrices on the CUDA backend, by default emulated. */
class CudaGemmBf16Test extends GemmBf16Contract {
  /** A device has more multiprocessors than the emulator, and large products more tiles. */
  private static final boolean EMULATED = TestedBackend.name().equals(EmulatedProvider.NAME);

  private static final int M = EMULATED ? 200 : 1416;
  private static final int N = EMULATED ? 296 : 2600;

  CudaGemmBf16Test() {
    super(TestedBackend.name());
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

  private static float[][] rows(Matrix m, boolean transposed) {
    float[][] x = new float[(int) (transposed ? m.cols() : m.rows())][];
    for (int r = 0; r < x.length; r++) {
      x[r] = new float[(int) (transposed ? m.rows() : m.cols())];
      for (int c = 0; c < x[r].length; c++) {
        x[r][c] = transposed ? m.getBfloat16(c, r) : m.getBfloat16(r, c);
      }
    }
    return x;
  }

  /** Tiles of 128 x 256 with tails in each direction, whatever lies along the lines. */
  @ParameterizedTest
  @CsvSource({"false, false", "false, true", "true, false", "true, true"})
  void largeProductsOfWholeNumbersAreExact(boolean transA, boolean transB) {
    for (int k : new int[] {64, 328}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix a = t.rounded(integers(t, transA ? k : M, transA ? M : k));
        Matrix b = t.rounded(integers(t, transB ? N : k, transB ? k : N));
        Matrix c = integers(t, M, N);
        Matrix before = t.copy(c);
        Matrix bias = integers(t, 1, N);
        Spec spec = Spec.of(transA, transB).withAlpha(0.5f).withBeta(2);
        spec = spec.withEpilogue(Epilogue.BIAS_RELU);
        run(GemmBf16.OP, spec, new Arguments(a, b, c, bias, Batch.SINGLE));
        float[][] left = rows(a, transA);
        float[][] right = rows(b, !transB);
        for (int i = 0; i < M; i++) {
          for (int j = 0; j < N; j++) {
            float sum = 0;
            for (int p = 0; p < k; p++) {
              sum += left[i][p] * right[j][p];
            }
            sum = 0.5f * sum + 2 * before.getFloat(i, j) + bias.getFloat(0, j);
            assertEquals(Math.max(0, sum), c.getFloat(i, j) + 0.0f, () -> transA + ", " + transB);
          }
        }
      }
    }
  }

  /** Matrices of which some begin at multiples of 16 bytes and others do not. */
  @ParameterizedTest
  @CsvSource({"8, 16", "4, 8", "0, 3"})
  void largeMatrixOfABatchHasTheBitsOfThatMatrixAlone(long stepA, long stepB) {
    int k = 96;
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.rounded(t.normal(M, k + 4 * stepA, 1)).columns(0, k);
      Matrix b = t.rounded(t.normal(N, k + 4 * stepB, 1)).columns(0, k);
      Matrix bias = t.normal(1, N, 1);
      Matrix c = t.zeros(DType.F32, 4L * M, N);
      Matrix want = t.zeros(DType.F32, 4L * M, N);
      Spec spec = Spec.of(false, true).withEpilogue(Epilogue.BIAS_GELU);
      long size = (long) M * N;
      Batch batch = new Batch(2, 2, 2 * stepA, stepA, 2 * stepB, stepB, 2 * size, size);
      run(GemmBf16.OP, spec, new Arguments(a, b, c.rows(0, M), bias, batch));
      for (int i = 0; i < 4; i++) {
        Matrix ai = shifted(a, i * stepA);
        Matrix bi = shifted(b, i * stepB);
        Matrix ci = want.rows((long) i * M, (i + 1L) * M);
        run(GemmBf16.OP, spec, new Arguments(ai, bi, ci, bias, Batch.SINGLE));
      }
      assertSameBits(want, c, "steps of " + stepA + " and " + stepB);
      assertFalse(want.getFloat(0, 0) == want.getFloat(M, 0), "the matrices are the same");
    }
  }

  private static Matrix shifted(Matrix m, long cols) {
    long offset = m.offsetBytes() + cols * Short.BYTES;
    return new Matrix(m.buffer(), m.type(), offset, m.rows(), m.cols(), m.rowStride());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmBf16;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.GemmF32.Spec;

/** The contract of products of bfloat16 matrices with float32 sums. */
public abstract class GemmBf16Contract extends GemmContract {
  private static final boolean[] BOTH = {false, true};
  private static final float TINY = 0x1p-133f;
  private static final double SMALLEST_NORMAL = 0x1p-126;

  /** Tests a backend. */
  protected GemmBf16Contract(String backend) {
    super(backend, GemmBf16.OP, DType.BF16, Precision.F32);
  }

  @Override
  final double sumError(long k) {
    return (k + 8) * 0x1p-24;
  }

  /** Sums kept in bfloat16 would stop at 256, those in float16 at 2048. */
  @Test
  void countsInFloat32() {
    for (long k : new long[] {257, 1001, 70_001}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix ones = t.zeros(DType.BF16, 2, k);
        for (long p = 0; p < k; p++) {
          ones.setBfloat16(0, p, 1);
          ones.setBfloat16(1, p, -1);
        }
        Matrix c = t.zeros(DType.F32, 2, 2);
        run(GemmBf16.OP, Spec.of(false, true), Arguments.of(ones, ones, c));
        assertEquals(k, c.getFloat(0, 0));
        assertEquals(-k, c.getFloat(0, 1));
        assertEquals(-k, c.getFloat(1, 0));
        assertEquals(k, c.getFloat(1, 1));
      }
    }
  }

  /** Each product is exact: 8 bits times 8 bits. */
  @Test
  void productsAreNotRounded() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.zeros(DType.BF16, 128, 1);
      Matrix b = t.zeros(DType.BF16, 1, 128);
      for (long i = 0; i < 128; i++) {
        a.setBfloat16(i, 0, 1 + i * 0x1p-7f);
        b.setBfloat16(0, i, -1 - i * 0x1p-7f);
      }
      Matrix c = t.zeros(DType.F32, 128, 128);
      run(GemmBf16.OP, Spec.of(false, false), Arguments.of(a, b, c));
      for (long i = 0; i < 128; i++) {
        for (long j = 0; j < 128; j++) {
          assertEquals(-(1 + i * 0x1p-7f) * (1 + j * 0x1p-7f), c.getFloat(i, j));
        }
      }
    }
  }

  /** Factors of BF16 are numbers of tf32 already. */
  @Test
  void tf32ChangesNothing() {
    for (boolean transA : BOTH) {
      for (boolean transB : BOTH) {
        try (Tensors t = Tensors.aligned(SEED)) {
          Matrix a = factor(t, t.normal(transA ? 70 : 40, transA ? 40 : 70, 1));
          Matrix b = factor(t, t.normal(transB ? 33 : 70, transB ? 70 : 33, 1));
          Matrix want = t.zeros(DType.F32, 40, 33);
          Matrix got = t.zeros(DType.F32, 40, 33);
          run(GemmBf16.OP, spec(transA, transB), Arguments.of(a, b, want));
          Spec tf32 = spec(transA, transB).withPrecision(Precision.TF32);
          run(GemmBf16.OP, tf32, Arguments.of(a, b, got));
          assertSameBits(want, got, tf32.toString());
        }
      }
    }
  }

  /** A subnormal factor counts as itself or as 0, and never as anything else. */
  @Test
  void subnormalFactorsMayCountAsZero() {
    for (boolean transA : BOTH) {
      for (boolean transB : BOTH) {
        for (long k : new long[] {1, 2, 5, 33, 64}) {
          try (Tensors t = Tensors.aligned(SEED)) {
            Matrix a = t.zeros(DType.BF16, transA ? k : 3, transA ? 3 : k);
            Matrix b = t.zeros(DType.BF16, transB ? 20 : k, transB ? k : 20);
            fill(a, TINY);
            fill(b, 3 * TINY);
            for (long p = 0; p < k; p += 2) {
              a.setBfloat16(transA ? p : 1, transA ? 1 : p, 1);
              b.setBfloat16(transB ? 7 : p, transB ? p : 7, 2);
            }
            Matrix c = t.zeros(DType.F32, 3, 20);
            run(GemmBf16.OP, Spec.of(transA, transB), Arguments.of(a, b, c));
            double bound = k * SMALLEST_NORMAL * (2 + 1 + 2);
            for (long i = 0; i < 3; i++) {
              for (long j = 0; j < 20; j++) {
                double want = i == 1 && j == 7 ? 2 * ((k + 1) / 2) : 0;
                assertWithin(want, c.getFloat(i, j), bound, () -> "subnormal factors, k = " + k);
              }
            }
          }
        }
      }
    }
  }

  private static void fill(Matrix m, float value) {
    for (long r = 0; r < m.rows(); r++) {
      for (long c = 0; c < m.cols(); c++) {
        m.setBfloat16(r, c, value);
      }
    }
  }
}

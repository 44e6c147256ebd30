// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.GemmF32.Spec;

/**
 * The contract of products of float32 matrices that may be rounded to tf32 first. The tests of all
 * products have factors that are numbers of tf32, of which no rounding takes anything; those here
 * have others.
 */
public abstract class GemmTf32Contract extends GemmContract {
  private static final boolean[] BOTH = {false, true};
  private static final int DROPPED = 0x1fff;

  /** Tests a backend. */
  protected GemmTf32Contract(String backend) {
    super(backend, GemmF32.OP, DType.F32, Precision.TF32);
  }

  @Override
  final double sumError(long k) {
    return (k + 8) * 0x1p-24;
  }

  /** Returns the nearest number of tf32, of two the one with the greater magnitude. */
  protected static float rounded(float x) {
    int bits = Float.floatToRawIntBits(x);
    return Float.isFinite(x) ? Float.intBitsToFloat(bits + DROPPED / 2 + 1 & ~DROPPED) : x;
  }

  @Override
  final Matrix factor(Tensors t, Matrix values) {
    for (long r = 0; r < values.rows(); r++) {
      for (long c = 0; c < values.cols(); c++) {
        values.setFloat(r, c, rounded(values.getFloat(r, c)));
      }
    }
    return values;
  }

  /** Each factor may be off by 2^-11 of itself. */
  @ParameterizedTest
  @EnumSource(Placement.class)
  void agreesWithTheFormulaForFactorsOfMoreBits(Placement placement) {
    for (boolean transA : BOTH) {
      for (boolean transB : BOTH) {
        Spec spec = spec(transA, transB).withAlpha(-0.5f).withBeta(0.75f);
        for (long[] s : ProductShapes.LAYOUTS) {
          double error = 0x1p-10 * (1 + 0x1p-12) + sumError(s[2]);
          Factors normal = (t, rows, cols) -> t.normal(rows, cols, 1);
          compare(placement, spec, s[0], s[1], s[2], normal, error);
        }
      }
    }
  }

  /** One product alone is either factor, whatever its exponent. */
  @Test
  void oneFactorIsOffByHalfOfItsLastBitAtMost() {
    long n = 67;
    for (float size : new float[] {0x1p-110f, 0x1p-20f, 1, 0x1p110f}) {
      try (Tensors t = Tensors.aligned(SEED)) {
        Matrix x = t.uniform(n, 35, -size, size);
        Matrix identity = t.zeros(DType.F32, n, n);
        for (long i = 0; i < n; i++) {
          identity.setFloat(i, i, 1);
        }
        Matrix left = t.zeros(DType.F32, 35, n);
        run(GemmF32.OP, spec(true, false), Arguments.of(x, identity, left));
        Matrix right = t.zeros(DType.F32, n, 35);
        run(GemmF32.OP, spec(false, false), Arguments.of(identity, x, right));
        for (long i = 0; i < n; i++) {
          for (long j = 0; j < 35; j++) {
            float want = x.getFloat(i, j);
            double bound = 0x1p-11 * Math.abs(want);
            assertWithin(want, left.getFloat(j, i), bound, () -> "x of " + size);
            assertWithin(want, right.getFloat(i, j), bound, () -> "x of " + size);
          }
        }
      }
    }
  }

  /** 11 bits times 11 bits. */
  @Test
  void productsOfRoundedFactorsAreExact() {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix a = t.zeros(DType.F32, 128, 1);
      Matrix b = t.zeros(DType.F32, 1, 128);
      for (long i = 0; i < 128; i++) {
        a.setFloat(i, 0, 2 - i * 0x1p-10f);
        b.setFloat(0, i, -2 + i * 0x1p-10f);
      }
      Matrix c = t.zeros(DType.F32, 128, 128);
      run(GemmF32.OP, spec(false, false), Arguments.of(a, b, c));
      for (long i = 0; i < 128; i++) {
        for (long j = 0; j < 128; j++) {
          assertEquals(-(2 - i * 0x1p-10f) * (2 - j * 0x1p-10f), c.getFloat(i, j));
        }
      }
    }
  }
}

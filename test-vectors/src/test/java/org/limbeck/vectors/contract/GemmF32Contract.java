// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmF32.Arguments;
import org.limbeck.kernels.op.GemmF32.Precision;
import org.limbeck.kernels.op.GemmF32.Spec;

/** The contract of products of float32 matrices. */
public abstract class GemmF32Contract extends GemmContract {
  /** Tests a backend. */
  protected GemmF32Contract(String backend) {
    super(backend, GemmF32.OP, DType.F32, Precision.F32);
  }

  @Override
  final double sumError(long k) {
    return 8 * 0x1p-24 * Math.sqrt(Math.max(1, k));
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
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Mse;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.vectors.contract.MseContract;
import org.limbeck.vectors.contract.Tensors;

/** The mean squared difference on the CUDA backend, by default emulated. */
class CudaMseTest extends MseContract {
  CudaMseTest() {
    super(TestedBackend.name());
  }

  /** More rows than one block adds, losses and weights. */
  @Test
  void addsManyRows() {
    try (Tensors t = Tensors.aligned(SEED)) {
      long rows = 20_001;
      Mse.Spec spec = Mse.Spec.of(Normaliser.MEAN_WEIGHTS);
      Matrix student = t.normal(rows, 2, 1);
      Matrix teacher = t.normal(rows, 2, 1);
      Matrix weight = t.uniform(1, rows, 0, 2);
      Matrix want = t.zeros(DType.F64, 1, 1);
      Matrix got = t.zeros(DType.F64, 1, 1);
      runReference(Mse.OP, spec, new RowLoss.Arguments(student, teacher, weight, null, null, want));
      run(Mse.OP, spec, new RowLoss.Arguments(student, teacher, weight, null, null, got));
      assertClose(want, got);
    }
  }

  private static void assertClose(Matrix want, Matrix got) {
    double expected = want.getDouble(0, 0);
    assertWithin(expected, got.getDouble(0, 0), 1e-11 * expected, () -> "loss");
  }
}

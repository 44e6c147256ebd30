// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.PetWarmup;
import org.limbeck.vectors.contract.PetWarmupContract;
import org.limbeck.vectors.contract.Tensors;

/** The loss of PET's warm-up on the CUDA backend, by default emulated. */
class CudaPetWarmupTest extends PetWarmupContract {
  CudaPetWarmupTest() {
    super(TestedBackend.name());
  }

  /**
   * Tops and gold tokens in what a block keeps and behind it, and in the rows of warps; tops that
   * tie within a thread, between lanes and between warps, where the lowest index counts.
   */
  @ParameterizedTest
  @ValueSource(ints = {1001, 30_523})
  void agreesWithTheReferenceWhereverTheTopIs(int cols) {
    try (Tensors t = Tensors.aligned(SEED)) {
      int rows = 7;
      PetWarmup.Spec spec = new PetWarmup.Spec(0.1, Normaliser.SUM);
      Matrix student = t.normal(rows, cols, 1);
      Matrix gold = t.zeros(DType.I64, 1, rows);
      Matrix label = t.indices(rows, PetWarmup.CLASSES);
      int[] tops = {0, cols / 2 + 1, cols - 1, cols * 3 / 4, 8, 9, 500};
      int[] ties = {0, cols / 2 + 1, cols - 1, cols * 3 / 4, 10, 70, cols - 2};
      int[] golds = {cols - 1, cols / 2, 5, cols * 3 / 4, 10, 70, 501};
      for (int r = 0; r < rows; r++) {
        student.setFloat(r, tops[r], 6);
        student.setFloat(r, ties[r], 6);
        gold.setLong(0, r, golds[r]);
      }
      Matrix want = t.zeros(DType.F32, rows, cols);
      Matrix wantLoss = t.zeros(DType.F64, 1, rows);
      Matrix loss = t.zeros(DType.F64, 1, rows);
      runReference(
          PetWarmup.OP,
          spec,
          new PetWarmup.Arguments(student, gold, label, null, want, wantLoss, null));
      // Over the logits, which are read three times.
      run(
          PetWarmup.OP,
          spec,
          new PetWarmup.Arguments(student, gold, label, null, student, loss, null));
      assertClose(want, student, 5e-6, 1e-12, "gradient");
      for (int r = 0; r < rows; r++) {
        double expected = wantLoss.getDouble(0, r);
        int row = r;
        assertWithin(expected, loss.getDouble(0, r), 1e-6 * expected, () -> "loss " + row);
      }
    }
  }
}

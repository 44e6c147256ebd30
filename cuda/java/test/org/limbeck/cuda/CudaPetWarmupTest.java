// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.api.Test;
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

  /** More columns than a block keeps; tops and gold tokens in what it keeps and behind it. */
  @Test
  void agreesWithTheReferenceOnLongRows() {
    try (Tensors t = Tensors.aligned(SEED)) {
      int rows = 4;
      int cols = 30_523;
      PetWarmup.Spec spec = new PetWarmup.Spec(0.1, Normaliser.SUM);
      Matrix student = t.normal(rows, cols, 1);
      Matrix gold = t.zeros(DType.I64, 1, rows);
      Matrix label = t.indices(rows, PetWarmup.CLASSES);
      int[] tops = {0, 16_384, cols - 1, 20_000};
      int[] golds = {cols - 1, 16_383, 5, 20_000};
      for (int r = 0; r < rows; r++) {
        student.setFloat(r, tops[r], 6);
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

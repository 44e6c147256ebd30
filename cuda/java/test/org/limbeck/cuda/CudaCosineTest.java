// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Cosine;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.vectors.contract.CosineContract;
import org.limbeck.vectors.contract.Tensors;

/** The losses on angles on the CUDA backend, by default emulated. */
class CudaCosineTest extends CosineContract {
  CudaCosineTest() {
    super(TestedBackend.name());
  }

  /** More columns than a block keeps; the second row does not begin at 16 bytes. */
  @Test
  void agreesWithTheReferenceOnLongRows() {
    try (Tensors t = Tensors.aligned(SEED)) {
      long cols = 20_001;
      Cosine.Spec spec = new Cosine.Spec(Cosine.Mode.ONE_MINUS_COS_SQUARED, Normaliser.SUM);
      Matrix student = t.normal(2, cols, 1);
      Matrix teacher = t.normal(2, cols, 1);
      Matrix want = t.zeros(DType.F32, 2, cols);
      Matrix wantLoss = t.zeros(DType.F64, 1, 1);
      Matrix loss = t.zeros(DType.F64, 1, 1);
      runReference(
          Cosine.OP, spec, new RowLoss.Arguments(student, teacher, null, want, null, wantLoss));
      // Over the student, which is read twice.
      run(Cosine.OP, spec, new RowLoss.Arguments(student, teacher, null, student, null, loss));
      assertClose(want, student, 1e-6, 1e-12, "gradient");
      double bound = cols * 0x1p-52;
      assertWithin(wantLoss.getDouble(0, 0), loss.getDouble(0, 0), bound, () -> "loss");
    }
  }
}

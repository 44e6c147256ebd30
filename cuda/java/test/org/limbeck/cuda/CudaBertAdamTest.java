// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.api.Test;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.vectors.contract.BertAdamContract;
import org.limbeck.vectors.contract.Tensors;

/** BertAdam on the CUDA backend, by default emulated. */
class CudaBertAdamTest extends BertAdamContract {
  CudaBertAdamTest() {
    super(TestedBackend.name());
  }

  /** A gradient with gaps in several tiles of rows, two across, the last ones short. */
  @Test
  void clipsTheNormOfATensorWithGaps() {
    try (Tensors t = Tensors.aligned(SEED)) {
      for (long[] shape : new long[][] {{300, 200}, {3, 16_500}}) {
        Matrix gradient = t.normal(shape[0], shape[1] + 3, 1).columns(1, shape[1] + 1);
        Matrix want = step(t, gradient, true);
        Matrix got = step(t, gradient, false);
        assertClose(want, got, 1e-6, 0, "m");
      }
    }
  }

  /** Returns the first moment after a step from zeros: a tenth of the clipped gradient. */
  private Matrix step(Tensors t, Matrix gradient, boolean reference) {
    Matrix w = t.zeros(DType.F32, gradient.rows(), gradient.cols());
    Matrix m = t.zeros(DType.F32, gradient.rows(), gradient.cols());
    Matrix v = t.zeros(DType.F32, gradient.rows(), gradient.cols());
    var arguments = new OptimizerStep.Arguments(w, gradient, m, v, 1, 0.1);
    if (reference) {
      runReference(BertAdam.OP, BertAdam.Spec.DEFAULT, arguments);
    } else {
      run(BertAdam.OP, BertAdam.Spec.DEFAULT, arguments);
    }
    return m;
  }
}

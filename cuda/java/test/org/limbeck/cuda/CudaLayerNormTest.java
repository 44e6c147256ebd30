// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.LayerNorm;
import org.limbeck.vectors.contract.LayerNormContract;
import org.limbeck.vectors.contract.Tensors;

/** Layer normalisation on the CUDA backend, by default emulated. */
class CudaLayerNormTest extends LayerNormContract {
  CudaLayerNormTest() {
    super(TestedBackend.name());
  }

  /** Chunks of many rows and a short last one, rows that fill a block, and longer ones. */
  @ParameterizedTest
  @CsvSource({"37, 771", "5, 1024", "3, 2052", "2, 4096", "2, 9001"})
  void agreesWithTheReferenceHoweverLongRowsAre(long rows, long cols) {
    LayerNorm.Spec spec = new LayerNorm.Spec(1e-5);
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(rows, cols, 2);
      Matrix gamma = t.uniform(1, cols, 0.5, 1.5);
      Matrix beta = t.normal(1, cols, 0.3);
      Matrix gradY = t.normal(rows, cols, 1);
      Matrix[] results = new Matrix[8];
      for (int i = 0; i < results.length; i += 4) {
        Matrix mean = t.vector(rows);
        Matrix rstd = t.vector(rows);
        results[i] = t.zeros(DType.F32, rows, cols);
        results[i + 1] = t.zeros(DType.F32, rows, cols);
        results[i + 2] = t.vector(cols);
        results[i + 3] = t.vector(cols);
        var forward = new LayerNorm.Forward(x, gamma, beta, results[i], mean, rstd);
        var backward =
            new LayerNorm.Backward(
                x, gamma, mean, rstd, gradY, results[i + 1], results[i + 2], results[i + 3]);
        if (i == 0) {
          runReference(LayerNorm.FORWARD, spec, forward);
          runReference(LayerNorm.BACKWARD, spec, backward);
        } else {
          run(LayerNorm.FORWARD, spec, forward);
          run(LayerNorm.BACKWARD, spec, backward);
        }
      }
      assertClose(results[0], results[4], 2e-6, 2e-6, "y");
      assertClose(results[1], results[5], 4e-6, 4e-6, "gradX");
      assertClose(results[2], results[6], 4e-6, 2e-5, "gradGamma");
      assertClose(results[3], results[7], 4e-6, 1e-5, "gradBeta");
    }
  }
}

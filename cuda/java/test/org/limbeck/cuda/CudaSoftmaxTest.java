// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Softmax;
import org.limbeck.vectors.contract.SoftmaxContract;
import org.limbeck.vectors.contract.Tensors;

/** Softmax on the CUDA backend, by default emulated. */
class CudaSoftmaxTest extends SoftmaxContract {
  private static final Softmax.Spec SPEC = new Softmax.Spec();

  CudaSoftmaxTest() {
    super(TestedBackend.name());
  }

  /**
   * Rows that a block holds, that a wide block does, and the vocabulary of a large language model.
   */
  @ParameterizedTest
  @ValueSource(longs = {12_001, 32_000, 128_256})
  void agreesWithTheReferenceOnLongRows(long cols) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Matrix x = t.normal(2, cols, 4);
      Matrix gradY = t.normal(2, cols, 1);
      Matrix y = t.zeros(DType.F32, 2, cols);
      Matrix want = t.zeros(DType.F32, 2, cols);
      run(Softmax.FORWARD, SPEC, new Softmax.Forward(x, y));
      runReference(Softmax.FORWARD, SPEC, new Softmax.Forward(x, want));
      assertClose(want, y, 0x1p-24 * 100, 1e-37, "y");
      Matrix gradX = t.zeros(DType.F32, 2, cols);
      Matrix wantGradX = t.zeros(DType.F32, 2, cols);
      run(Softmax.BACKWARD, SPEC, new Softmax.Backward(want, gradY, gradX));
      runReference(Softmax.BACKWARD, SPEC, new Softmax.Backward(want, gradY, wantGradX));
      assertClose(wantGradX, gradX, 1e-6, 1e-9, "gradX");
    }
  }
}

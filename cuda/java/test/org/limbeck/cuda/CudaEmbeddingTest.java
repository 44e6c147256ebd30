// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.vectors.contract.EmbeddingContract;
import org.limbeck.vectors.contract.Tensors;

/** Embedding on the CUDA backend, by default emulated. */
class CudaEmbeddingTest extends EmbeddingContract {
  CudaEmbeddingTest() {
    super(TestedBackend.name());
  }

  /**
   * More positions than a block sorts: one run and a bit, and three with a short one that waits.
   */
  @ParameterizedTest
  @ValueSource(ints = {4097, 9001})
  void mergesManyPositions(int positions) {
    try (Tensors t = Tensors.aligned(SEED)) {
      Embedding.Spec spec = new Embedding.Spec(0.3f, 5);
      for (int vocab : new int[] {7, 3000}) {
        Matrix ids = t.indices(positions, vocab);
        Matrix gradY = t.normal(positions, 3, 1);
        Matrix want = t.normal(vocab, 3, 1);
        Matrix got = t.copy(want);
        run(Embedding.BACKWARD, spec, new Embedding.Backward(ids, gradY, got));
        runReference(Embedding.BACKWARD, spec, new Embedding.Backward(ids, gradY, want));
        assertSameBits(want, got, positions + " positions, " + vocab + " rows");
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.EmbeddingContract;

/** Embedding on the CUDA backend, by default emulated. */
class CudaEmbeddingTest extends EmbeddingContract {
  CudaEmbeddingTest() {
    super(TestedBackend.name());
  }
}

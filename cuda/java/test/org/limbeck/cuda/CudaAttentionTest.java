// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.AttentionContract;

/** Attention on the CUDA backend, by default emulated. */
class CudaAttentionTest extends AttentionContract {
  CudaAttentionTest() {
    super(TestedBackend.name());
  }
}

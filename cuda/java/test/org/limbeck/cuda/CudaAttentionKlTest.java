// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.AttentionKlContract;

/** attention_kl on the CUDA backend, by default emulated. */
class CudaAttentionKlTest extends AttentionKlContract {
  CudaAttentionKlTest() {
    super(TestedBackend.name());
  }
}

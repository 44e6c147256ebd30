// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.AdamWContract;

/** AdamW on the CUDA backend, by default emulated. */
class CudaAdamWTest extends AdamWContract {
  CudaAdamWTest() {
    super(TestedBackend.name());
  }
}

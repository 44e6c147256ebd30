// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.ReluContract;

/** Relu on the CUDA backend, by default emulated. */
class CudaReluTest extends ReluContract {
  CudaReluTest() {
    super(TestedBackend.name());
  }
}

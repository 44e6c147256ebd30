// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.FakeQuantContract;

/** Quantizers on the CUDA backend, by default emulated. */
class CudaFakeQuantTest extends FakeQuantContract {
  CudaFakeQuantTest() {
    super(TestedBackend.name());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.SoftmaxKlContract;

/** Softmax divergences on the CUDA backend, by default emulated. */
class CudaSoftmaxKlTest extends SoftmaxKlContract {
  CudaSoftmaxKlTest() {
    super(TestedBackend.name());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.SoftmaxContract;

/** Softmax on the CUDA backend, by default emulated. */
class CudaSoftmaxTest extends SoftmaxContract {
  CudaSoftmaxTest() {
    super(TestedBackend.name());
  }
}

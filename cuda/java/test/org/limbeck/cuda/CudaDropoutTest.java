// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.DropoutContract;

/** Dropout on the CUDA backend, by default emulated. */
class CudaDropoutTest extends DropoutContract {
  CudaDropoutTest() {
    super(TestedBackend.name());
  }
}

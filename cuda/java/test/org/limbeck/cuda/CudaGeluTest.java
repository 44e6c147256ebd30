// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.GeluContract;

/** Gelu on the CUDA backend, by default emulated. */
class CudaGeluTest extends GeluContract {
  CudaGeluTest() {
    super(TestedBackend.name());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.GemmF32Contract;

/** Matrix products in float32 on the CUDA backend, by default emulated. */
class CudaGemmF32Test extends GemmF32Contract {
  CudaGemmF32Test() {
    super(TestedBackend.name());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.GemmBf16Contract;

/** Products of bfloat16 matrices on the CUDA backend, by default emulated. */
class CudaGemmBf16Test extends GemmBf16Contract {
  CudaGemmBf16Test() {
    super(TestedBackend.name());
  }
}

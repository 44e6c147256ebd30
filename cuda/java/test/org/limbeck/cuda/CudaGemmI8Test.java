// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.GemmI8Contract;

/** Products of matrices of signed bytes on the CUDA backend, by default emulated. */
class CudaGemmI8Test extends GemmI8Contract {
  CudaGemmI8Test() {
    super(TestedBackend.name());
  }
}

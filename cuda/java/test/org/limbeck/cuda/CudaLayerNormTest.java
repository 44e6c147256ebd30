// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.LayerNormContract;

/** Layer normalisation on the CUDA backend, by default emulated. */
class CudaLayerNormTest extends LayerNormContract {
  CudaLayerNormTest() {
    super(TestedBackend.name());
  }
}

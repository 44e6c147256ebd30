// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.op.GemmF32.Precision;

/** Attention on the CUDA backend, by default emulated. */
class CudaAttentionTest extends TiledAttentionContract {
  CudaAttentionTest() {
    super(Precision.F32);
  }
}

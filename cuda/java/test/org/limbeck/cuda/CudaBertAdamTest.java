// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.BertAdamContract;

/** BertAdam on the CUDA backend, by default emulated. */
class CudaBertAdamTest extends BertAdamContract {
  CudaBertAdamTest() {
    super(TestedBackend.name());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.CosineContract;

/** The losses on angles on the CUDA backend, by default emulated. */
class CudaCosineTest extends CosineContract {
  CudaCosineTest() {
    super(TestedBackend.name());
  }
}

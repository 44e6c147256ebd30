// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.PetWarmupContract;

/** The loss of PET's warm-up on the CUDA backend, by default emulated. */
class CudaPetWarmupTest extends PetWarmupContract {
  CudaPetWarmupTest() {
    super(TestedBackend.name());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.TanhContract;

/** The hyperbolic tangent on the CUDA backend, by default emulated. */
class CudaTanhTest extends TanhContract {
  CudaTanhTest() {
    super(TestedBackend.name());
  }
}

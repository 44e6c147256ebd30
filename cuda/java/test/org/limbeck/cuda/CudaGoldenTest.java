// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.GoldenContract;

/** The golden vectors on the CUDA backend, by default emulated. */
class CudaGoldenTest extends GoldenContract {
  CudaGoldenTest() {
    super(TestedBackend.name());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.MseContract;

/** The mean squared difference on the CUDA backend, by default emulated. */
class CudaMseTest extends MseContract {
  CudaMseTest() {
    super(TestedBackend.name());
  }
}

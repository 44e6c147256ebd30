// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.vectors.contract.BackendCondition;

/** Skips the tests of kernels, with the reason, where the backend that they run on is absent. */
public final class CudaCondition extends BackendCondition {
  /** For the service loader. */
  public CudaCondition() {
    super(TestedBackend.name(), "Cuda");
  }
}

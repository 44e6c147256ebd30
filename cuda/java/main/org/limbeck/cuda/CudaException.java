// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.backend.DeviceException;

/**
 * A call of the CUDA driver, or of its emulator, that failed. Kernels run behind the calls that
 * queue them: what one of them did wrong may be reported by a later call.
 */
public final class CudaException extends DeviceException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param message which call failed, and how
   */
  public CudaException(String message) {
    super(message);
  }
}

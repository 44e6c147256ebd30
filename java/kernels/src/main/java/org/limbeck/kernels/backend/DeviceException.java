// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

/**
 * A device that was there failed at work: a launch, a copy or a kernel. After some failures nothing
 * more can be done with it in this process.
 */
public class DeviceException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param message what failed, and how
   */
  public DeviceException(String message) {
    super(message);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

/** A backend that was asked for by name, or an operation that no selected backend can run. */
public final class BackendUnavailableException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param message what was asked for, why it cannot be had, and what would help
   */
  public BackendUnavailableException(String message) {
    super(message);
  }
}

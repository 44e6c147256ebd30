// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

/** Why there is no device to work on; never leaves this package. */
final class UnavailableException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String remedy;

  /**
   * Creates an exception.
   *
   * @param reason why, in one sentence without a full stop
   * @param remedy what would help, or empty
   */
  UnavailableException(String reason, String remedy) {
    super(reason);
    this.remedy = remedy;
  }

  /** Returns what would help, or an empty text. */
  String remedy() {
    return remedy;
  }
}

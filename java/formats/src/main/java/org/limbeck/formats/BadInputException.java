// SPDX-License-Identifier: Apache-2.0
package org.limbeck.formats;

/** Input from outside that cannot be used; the message is one sentence for the user. */
public final class BadInputException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what is wrong, where (file and line), and what was expected
   */
  public BadInputException(String message) {
    super(message);
  }

  /**
   * Creates the exception.
   *
   * @param message what is wrong, where (file and line), and what was expected
   * @param cause what was thrown when it was noticed
   */
  public BadInputException(String message, Throwable cause) {
    super(message, cause);
  }
}

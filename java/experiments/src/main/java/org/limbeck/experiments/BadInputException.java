// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments;

/** Input from outside that a command cannot use; the message is one sentence for the user. */
final class BadInputException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BadInputException(String message, Throwable cause) {
    super(message, cause);
  }
}

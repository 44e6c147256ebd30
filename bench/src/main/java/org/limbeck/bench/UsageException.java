// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

/** Arguments or files that a run cannot use; the message is one sentence for the user. */
final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  UsageException(String message) {
    super(message);
  }

  UsageException(String message, Throwable cause) {
    super(message, cause);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

/** A vector file or payload that does not follow the schema; the message says where and what. */
public final class VectorFormatException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Creates an exception with a message of one sentence. */
  public VectorFormatException(String message) {
    super(message);
  }

  /** Creates an exception with a message of one sentence and a cause. */
  public VectorFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}

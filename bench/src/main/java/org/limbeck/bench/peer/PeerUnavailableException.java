// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peer;

/** A peer cannot be loaded; the message is the reason. */
public final class PeerUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Gives the reason, one line. */
  public PeerUnavailableException(String reason, Throwable cause) {
    super(reason, cause);
  }
}

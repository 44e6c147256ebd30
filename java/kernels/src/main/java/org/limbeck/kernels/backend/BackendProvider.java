// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

/**
 * Finds out whether a backend can be had in this process, and opens it. Found with {@link
 * java.util.ServiceLoader}; a provider class must load without anything that may be missing.
 */
public interface BackendProvider {
  /** Returns the name of the backend. */
  String name();

  /** Returns its place in selection lists: higher comes first. The reference has 0. */
  int rank();

  /**
   * Opens the backend, or says why it cannot be had. Never throws for something that is missing.
   */
  Attempt open();

  /** The outcome of {@link #open}. */
  sealed interface Attempt {
    /**
     * The backend is there.
     *
     * @param backend the backend, open
     */
    record Opened(Backend backend) implements Attempt {}

    /**
     * The backend cannot be had.
     *
     * @param reason why, in one sentence without a full stop
     * @param remedy what the user can do, such as a flag to give; empty where nothing helps
     */
    record Absent(String reason, String remedy) implements Attempt {}
  }
}

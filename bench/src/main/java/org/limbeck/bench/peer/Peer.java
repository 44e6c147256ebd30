// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peer;

import java.util.List;
import java.util.Map;

/** A library to compare with, found with ServiceLoader. */
public interface Peer {
  /**
   * A way to run the library, in a process of its own because its environment decides it.
   *
   * @param name what rows of results call it: the peer's name, with a suffix for further settings
   * @param environment variables that this setting adds
   */
  record Setting(String name, Map<String, String> environment) {}

  /** Returns the name by which it is asked for. */
  String name();

  /** Returns the settings to measure, its best or most usual first. */
  List<Setting> settings();

  /** Returns the stems it has a counterpart for. */
  List<String> stems();

  /**
   * Loads the library.
   *
   * @param threads the number of threads it may use
   * @return the library; the caller closes it
   * @throws PeerUnavailableException if it cannot be loaded here
   */
  PeerSession open(int threads);
}

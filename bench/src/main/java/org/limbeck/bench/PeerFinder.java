// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.limbeck.bench.peer.Peer;

/** The peers on the class path: none without the Maven profile peers. */
final class PeerFinder {
  private PeerFinder() {}

  /**
   * Returns a peer.
   *
   * @throws UsageException if there is none of that name
   */
  static Peer find(String name) {
    List<Peer> all = all();
    if (all.isEmpty()) {
      throw new UsageException(
          "--peers " + name + " needs a build with the Maven profile peers: mvn -Ppeers package");
    }
    return all.stream()
        .filter(peer -> peer.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "there is no peer "
                        + name
                        + "; expected "
                        + all.stream().map(Peer::name).sorted().collect(Collectors.joining(", "))));
  }

  private static List<Peer> all() {
    try {
      return ServiceLoader.load(Peer.class).stream().map(ServiceLoader.Provider::get).toList();
    } catch (ServiceConfigurationError e) {
      return List.of(); // an earlier build with the profile left its list of names behind
    }
  }
}

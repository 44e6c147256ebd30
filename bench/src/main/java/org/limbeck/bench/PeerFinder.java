// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench;

import java.util.List;
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
    List<Peer> all = ServiceLoader.load(Peer.class).stream().map(p -> p.get()).toList();
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
}

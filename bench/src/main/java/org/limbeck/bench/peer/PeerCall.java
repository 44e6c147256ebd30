// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peer;

import java.util.Set;
import org.limbeck.bench.cases.Case;

/** A peer's counterpart of one case. */
public interface PeerCall extends AutoCloseable {
  /** Does the work once. */
  void run();

  /**
   * Does the work once on the inputs as they were at first, and writes results over outputs and
   * states of a case. It comes before any {@link #run}.
   *
   * @param results its tensors are written
   * @return the names of those; none where the library draws random numbers of its own
   */
  Set<String> store(Case results);

  /** Returns how many times the usual tolerance its results may be off; 1 but for other formats. */
  default double slack() {
    return 1;
  }

  /** Returns the implementation that the library chose for this call; empty if it does not tell. */
  default String path() {
    return "";
  }

  /** Frees its tensors. */
  @Override
  void close();
}

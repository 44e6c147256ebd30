// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.peer;

import java.util.Optional;
import org.limbeck.bench.cases.Case;

/** A library that is loaded. */
public interface PeerSession extends AutoCloseable {
  /** Returns its code path as it reports it itself: version, core type or instruction set. */
  String path();

  /**
   * Makes the library's counterpart of a case.
   *
   * @param work the tensors: the peer reads inputs from them or copies of them, and writes nothing
   *     to them
   * @return the call, closed by the caller; empty if the library has nothing of the kind
   */
  Optional<PeerCall> call(Case work);

  /** Unloads what can be unloaded. */
  @Override
  void close();
}

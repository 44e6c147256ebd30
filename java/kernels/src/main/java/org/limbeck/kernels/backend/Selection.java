// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

import java.util.List;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Op;

/**
 * The kernel that was chosen for an operation, with the reasons against those before it.
 *
 * @param op the operation
 * @param backend the name of the backend that runs it
 * @param kernel the kernel
 * @param rejected the backends that come first in the list and were passed over
 * @param <A> the type of the operation's arguments
 */
public record Selection<A>(
    Op<?, A> op, String backend, Kernel<A> kernel, List<Rejection> rejected) {

  /**
   * A backend that was passed over.
   *
   * @param backend its name
   * @param reason why
   */
  public record Rejection(String backend, String reason) {
    @Override
    public String toString() {
      return backend + ": " + reason;
    }
  }

  /** Copies the list. */
  public Selection {
    rejected = List.copyOf(rejected);
  }

  /** Returns the choice in lines for people: what was chosen, then each rejection. */
  public String explain() {
    StringBuilder text = new StringBuilder(op.name() + " runs on " + backend);
    for (Rejection rejection : rejected) {
      text.append(System.lineSeparator()).append("  not ").append(rejection);
    }
    return text.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

import org.limbeck.kernels.op.Kernel;

/**
 * A backend's answer to the question whether it can run an operation.
 *
 * @param <A> the type of the operation's arguments
 */
public sealed interface Support<A> {
  /**
   * It can.
   *
   * @param kernel the kernel, made for the specification asked about
   */
  record Yes<A>(Kernel<A> kernel) implements Support<A> {}

  /**
   * It cannot.
   *
   * @param reason why, in a clause that can follow "vector: "
   */
  record No<A>(String reason) implements Support<A> {}
}

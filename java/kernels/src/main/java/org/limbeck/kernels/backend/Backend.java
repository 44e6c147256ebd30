// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.backend;

import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.Op;

/** A set of kernels that run in one way on one device. Made by a {@link BackendProvider}. */
public interface Backend extends AutoCloseable {
  /** Returns the name users select it by: {@code scalar}, {@code vector}, {@code native}. */
  String name();

  /** Returns what is in use, for people: instruction set, vector width, device. */
  String description();

  /** Returns the device whose memory its kernels take. */
  Device device();

  /** Returns new memory of its device. */
  Memory newMemory();

  /**
   * Returns a kernel for an operation, or the reason why there is none.
   *
   * @param op the operation
   * @param spec the specification the kernel is made for
   */
  <S, A> Support<A> support(Op<S, A> op, S spec);

  /** Frees what the backend holds. */
  @Override
  default void close() {}
}

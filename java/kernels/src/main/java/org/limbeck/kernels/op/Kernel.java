// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.parallel.WorkerPool;

/**
 * One implementation of an operation, made by a backend for one specification. It trusts its
 * arguments: {@link Op#check} has passed. It may keep state of the call in progress in its fields,
 * since a kernel belongs to one operation object and calls of it never overlap.
 *
 * @param <A> the type of the arguments
 */
@FunctionalInterface
public interface Kernel<A> {
  /**
   * Runs the kernel and returns when the results are in place (on a device: when they are queued).
   *
   * @param arguments checked arguments
   * @param pool the threads to split the work over
   */
  void run(A arguments, WorkerPool pool);
}

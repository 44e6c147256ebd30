// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels;

import org.limbeck.kernels.backend.Selection;
import org.limbeck.kernels.memory.Device;
import org.limbeck.kernels.op.ArgumentChecks;
import org.limbeck.kernels.op.InvalidArgumentException;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * An operation with its specification and the kernel that was selected for it. Made once, by {@link
 * Limbeck#operation}, and kept in a field: a call does no lookup and allocates nothing.
 *
 * <p>Calls from several threads wait for each other, since they share the worker pool.
 *
 * @param <S> the type of the specification
 * @param <A> the type of the arguments
 */
public final class Operation<S, A> {
  private final Op<S, A> op;
  private final S spec;
  private final Selection<A> selection;
  private final ArgumentChecks checks;
  private final WorkerPool pool;

  Operation(Op<S, A> op, S spec, Selection<A> selection, Device device, WorkerPool pool) {
    this.op = op;
    this.spec = spec;
    this.selection = selection;
    this.checks = new ArgumentChecks(op.name(), device);
    this.pool = pool;
  }

  /**
   * Checks the arguments and runs the kernel.
   *
   * @param arguments the tensors of this call; outputs among them are overwritten unless the
   *     contract says that it adds to them
   * @throws InvalidArgumentException before anything is written, if the contract does not allow the
   *     arguments
   */
  public void run(A arguments) {
    op.check(spec, arguments, checks);
    pool.acquire();
    try {
      selection.kernel().run(arguments, pool);
    } finally {
      pool.release();
    }
  }

  /** Returns the specification. */
  public S spec() {
    return spec;
  }

  /** Returns which backend runs the operation, and the reasons against the others. */
  public Selection<A> selection() {
    return selection;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import java.util.function.Function;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * A kernel that makes each row of one matrix from the same row of another, by one function of the
 * library. Rows are split over threads.
 *
 * @param <A> the arguments that hold the matrices
 */
final class UnaryRows<A> extends LibraryCall<UnaryRows<A>, A> implements Kernel<A> {
  private final int tier;
  private final Binding binding;
  private final Function<A, Matrix> input;
  private final Function<A, Matrix> output;

  /** A function of the library; a reference to its binding, or a lambda that adds an option. */
  interface Binding {
    int call(
        int tier,
        MemorySegment x,
        long xStride,
        MemorySegment y,
        long yStride,
        long from,
        long to,
        long cols);
  }

  UnaryRows(
      String function,
      Tier tier,
      Binding binding,
      Function<A, Matrix> input,
      Function<A, Matrix> output) {
    super(function);
    this.tier = tier.bits();
    this.binding = binding;
    this.input = input;
    this.output = output;
  }

  @Override
  public void run(A arguments, WorkerPool pool) {
    Matrix x = input.apply(arguments);
    long chunk = Native.rowsPerChunk(x.rows(), x.cols());
    pool.forRange(x.rows(), chunk, this, arguments, this);
  }

  @Override
  int call(UnaryRows<A> kernel, A arguments, Workspace scratch, long from, long to) {
    Matrix x = input.apply(arguments);
    Matrix y = output.apply(arguments);
    return binding.call(tier, x.data(), x.rowStride(), y.data(), y.rowStride(), from, to, x.cols());
  }
}

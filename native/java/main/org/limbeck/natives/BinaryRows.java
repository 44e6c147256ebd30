// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import java.lang.foreign.MemorySegment;
import java.util.function.Function;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * A kernel that makes each row of one matrix from the same row of two others, by one function of
 * the library. Rows are split over threads.
 *
 * @param <A> the arguments that hold the matrices
 */
final class BinaryRows<A> extends LibraryCall<BinaryRows<A>, A> implements Kernel<A> {
  private final int tier;
  private final Binding binding;
  private final Function<A, Matrix> first;
  private final Function<A, Matrix> second;
  private final Function<A, Matrix> output;

  /** A function of the library; a reference to its binding, or a lambda that adds an option. */
  interface Binding {
    int call(
        int tier,
        MemorySegment first,
        long firstStride,
        MemorySegment second,
        long secondStride,
        MemorySegment output,
        long outputStride,
        long from,
        long to,
        long cols);
  }

  BinaryRows(
      String function,
      Tier tier,
      Binding binding,
      Function<A, Matrix> first,
      Function<A, Matrix> second,
      Function<A, Matrix> output) {
    super(function);
    this.tier = tier.bits();
    this.binding = binding;
    this.first = first;
    this.second = second;
    this.output = output;
  }

  @Override
  public void run(A arguments, WorkerPool pool) {
    Matrix a = first.apply(arguments);
    pool.forRange(a.rows(), Native.rowsPerChunk(a.cols()), this, arguments, this);
  }

  @Override
  int call(BinaryRows<A> kernel, A arguments, Workspace scratch, long from, long to) {
    Matrix a = first.apply(arguments);
    Matrix b = second.apply(arguments);
    Matrix y = output.apply(arguments);
    return binding.call(
        tier,
        a.data(),
        a.rowStride(),
        b.data(),
        b.rowStride(),
        y.data(),
        y.rowStride(),
        from,
        to,
        a.cols());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * embedding in C: {@code native/src/embedding}. Forward split over positions, backward over
 * columns, so that no two threads add to the same element.
 */
final class NativeEmbedding {
  /** Columns a thread takes at a time: eight cache lines of each row, enough to stream. */
  private static final long COLUMNS = 128;

  private static final LibraryCall<NativeEmbedding, Embedding.Forward> FORWARD =
      new LibraryCall<>("lb_embedding_forward") {
        @Override
        int call(NativeEmbedding kernel, Embedding.Forward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_embedding_forward$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.table()),
                      a.table().rowStride(),
                      Native.pointer(a.ids()),
                      Native.pointer(a.y()),
                      a.y().rowStride(),
                      from,
                      to,
                      a.y().cols(),
                      kernel.spec.scale());
        }
      };
  private static final LibraryCall<NativeEmbedding, Embedding.Backward> BACKWARD =
      new LibraryCall<>("lb_embedding_backward") {
        @Override
        int call(
            NativeEmbedding kernel, Embedding.Backward a, Workspace scratch, long from, long to)
            throws Throwable {
          return (int)
              LimbeckH.lb_embedding_backward$handle()
                  .invokeExact(
                      kernel.tier,
                      Native.pointer(a.ids()),
                      a.ids().cols(),
                      Native.pointer(a.gradY()),
                      a.gradY().rowStride(),
                      Native.pointer(a.gradTable()),
                      a.gradTable().rowStride(),
                      from,
                      to,
                      kernel.spec.scale(),
                      kernel.spec.paddingIndex());
        }
      };

  private final int tier;
  private final Embedding.Spec spec;

  private NativeEmbedding(Tier tier, Embedding.Spec spec) {
    this.tier = tier.bits();
    this.spec = spec;
  }

  static Kernel<Embedding.Forward> forward(Tier tier, Embedding.Spec spec) {
    return new NativeEmbedding(tier, spec)::run;
  }

  static Kernel<Embedding.Backward> backward(Tier tier, Embedding.Spec spec) {
    return new NativeEmbedding(tier, spec)::run;
  }

  private void run(Embedding.Forward a, WorkerPool pool) {
    pool.forRange(a.ids().cols(), Native.rowsPerChunk(a.y().cols()), this, a, FORWARD);
  }

  private void run(Embedding.Backward a, WorkerPool pool) {
    // A few short rows are not worth a hand-over to other threads.
    long width = a.gradY().cols();
    long columns = Native.rowsPerChunk(a.ids().cols()) >= width ? width : COLUMNS;
    pool.forRange(width, columns, this, a, BACKWARD);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Workspace;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * embedding in C: {@code native/src/embedding}. Forward split over positions, backward over
 * columns, so that no two threads add to the same element.
 */
final class NativeEmbedding {
  /** Columns a thread takes at a time: eight cache lines of each row, enough to stream. */
  private static final long COLUMNS = 128;

  private static final RangeBody<NativeEmbedding, Embedding.Forward> FORWARD =
      NativeEmbedding::positions;
  private static final RangeBody<NativeEmbedding, Embedding.Backward> BACKWARD =
      NativeEmbedding::columns;

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

  private void positions(Embedding.Forward a, Workspace scratch, long from, long to) {
    int status =
        LimbeckH.lb_embedding_forward(
            tier,
            Native.pointer(a.table()),
            a.table().rowStride(),
            Native.pointer(a.ids()),
            Native.pointer(a.y()),
            a.y().rowStride(),
            from,
            to,
            a.y().cols(),
            spec.scale());
    Native.check(status, Embedding.FORWARD);
  }

  private void columns(Embedding.Backward a, Workspace scratch, long from, long to) {
    int status =
        LimbeckH.lb_embedding_backward(
            tier,
            Native.pointer(a.ids()),
            a.ids().cols(),
            Native.pointer(a.gradY()),
            a.gradY().rowStride(),
            Native.pointer(a.gradTable()),
            a.gradTable().rowStride(),
            from,
            to,
            spec.scale(),
            spec.paddingIndex());
    Native.check(status, Embedding.BACKWARD);
  }
}

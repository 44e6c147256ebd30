// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Embedding;
import org.limbeck.kernels.op.Kernel;

/** embedding in CUDA: {@code cuda/src/embedding}. */
final class CudaEmbedding {
  private static final String NAME = "embedding";
  private static final KernelSignature FORWARD =
      new KernelSignature(NAME, "lb_embedding_forward_kernel", "pl p pl lll f");
  private static final KernelSignature SORT =
      new KernelSignature(NAME, "lb_embedding_sort_kernel", "p lll ii p");
  private static final KernelSignature MERGE =
      new KernelSignature(NAME, "lb_embedding_merge_kernel", "p ll p");
  private static final KernelSignature ADD =
      new KernelSignature(NAME, "lb_embedding_add_kernel", "p ll i pl pl l f");

  private static final int BLOCK = 256;
  private static final int WARPS = BLOCK / 32;
  private static final long FORWARD_COLS = 512;
  private static final long ADD_COLS = 128;
  private static final long MAX_GRID_Y = 65_535;
  private static final int SHORTEST_RUN = 64;
  private static final int LONGEST_RUN = 4096;
  private static final int LARGEST_BLOCK = 1024;

  static final Stem STEM = new Stem(NAME, CudaEmbedding::register, FORWARD, SORT, MERGE, ADD);

  private CudaEmbedding() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(Embedding.FORWARD, spec -> forward(context.get(), spec));
    table.add(Embedding.BACKWARD, spec -> backward(context.get(), spec));
  }

  private static Kernel<Embedding.Forward> forward(Context context, Embedding.Spec spec) {
    KernelFunction kernel = context.function(FORWARD);
    return (a, pool) -> {
      long n = a.ids().cols();
      long width = a.y().cols();
      kernel.matrix(a.table()).pointer(a.ids()).matrix(a.y());
      kernel.int64(a.table().rows()).int64(n).int64(width).float32(spec.scale());
      kernel.launch(Math.ceilDiv(n, WARPS), slices(width, FORWARD_COLS), BLOCK, 0);
    };
  }

  private static long slices(long width, long cols) {
    return Math.min(Math.ceilDiv(width, cols), MAX_GRID_Y);
  }

  private static Kernel<Embedding.Backward> backward(Context context, Embedding.Spec spec) {
    KernelFunction sort = context.function(SORT);
    KernelFunction merge = context.function(MERGE);
    KernelFunction add = context.function(ADD);
    return (a, pool) -> {
      Matrix table = a.gradTable();
      long n = a.ids().cols();
      int shift = Long.SIZE - Long.numberOfLeadingZeros(n - 1);
      if (table.rows() > Long.MAX_VALUE >> shift) {
        throw new CudaException(
            "embedding.backward: a table of "
                + table.rows()
                + " rows is too large for "
                + n
                + " positions");
      }
      int run = SHORTEST_RUN;
      while (run < n && run < LONGEST_RUN) {
        run *= 2;
      }
      boolean merges = run < n;
      long bytes = n * Long.BYTES;
      long keys = context.allocator().require(bytes, "the keys of embedding.backward");
      long merged = 0;
      try {
        if (merges) {
          merged = context.allocator().require(bytes, "the merged keys of embedding.backward");
        }
        sort.pointer(a.ids()).int64(n).int64(table.rows()).int64(spec.paddingIndex());
        sort.int32(shift).int32(run).address(keys);
        sort.launch(Math.ceilDiv(n, run), Math.min(run / 2, LARGEST_BLOCK));
        for (long sorted = run; sorted < n; sorted *= 2) {
          merge.address(keys).int64(n).int64(sorted).address(merged);
          merge.launch(Math.ceilDiv(n, BLOCK), BLOCK);
          long swap = keys;
          keys = merged;
          merged = swap;
        }
        add.address(keys).int64(n).int64(table.rows()).int32(shift);
        add.matrix(a.gradY()).matrix(table).int64(table.cols()).float32(spec.scale());
        add.launch(Math.ceilDiv(n, WARPS), slices(table.cols(), ADD_COLS), BLOCK, 0);
      } finally {
        context.allocator().free(keys, bytes);
        if (merged != 0) {
          context.allocator().free(merged, bytes);
        }
      }
    };
  }
}

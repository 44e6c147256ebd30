// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.LayerNorm;

/** layer_norm in CUDA: {@code cuda/src/layer_norm}. */
final class CudaLayerNorm {
  private static final String NAME = "layer_norm";
  private static final String FORWARD = "pl pp pl pp ll d";
  private static final String BACKWARD = "pl p pp pl pl ll";
  private static final KernelSignature FORWARD_WARP =
      new KernelSignature(NAME, "lb_layer_norm_forward_warp_kernel", FORWARD);
  private static final KernelSignature FORWARD_BLOCK =
      new KernelSignature(NAME, "lb_layer_norm_forward_block_kernel", FORWARD);
  private static final KernelSignature BACKWARD_ROWS =
      new KernelSignature(NAME, "lb_layer_norm_backward_rows_kernel", "pl p pp pl pl p lll");
  private static final KernelSignature BACKWARD_BLOCK =
      new KernelSignature(NAME, "lb_layer_norm_backward_block_kernel", BACKWARD);
  private static final KernelSignature PARTIAL =
      new KernelSignature(NAME, "lb_layer_norm_partial_kernel", "pl pp pl p lll");
  private static final KernelSignature PARAMETERS =
      new KernelSignature(NAME, "lb_layer_norm_parameters_kernel", "pl pp l");

  private static final int TILE_COLS = 32;
  private static final int PARTIAL_BLOCK = 256;
  private static final int PARAMETERS_BLOCK = 512;

  /** The most threads of a block with a chunk of rows, WIDEST in the kernels, and their columns. */
  private static final int WIDEST = 1024;

  private static final int QUAD = 4;
  private static final int WARP = 32;

  /**
   * The fewest rows of a chunk, and the most chunks: where a block has them, and where it has
   * tiles.
   */
  private static final long FEWEST_ROWS = 8;

  private static final long MAX_CHUNKS = 512;
  private static final long FEWEST_TILE_ROWS = 32;
  private static final long MAX_TILE_CHUNKS = 128;

  static final Stem STEM =
      new Stem(
          NAME,
          CudaLayerNorm::register,
          FORWARD_WARP,
          FORWARD_BLOCK,
          BACKWARD_ROWS,
          BACKWARD_BLOCK,
          PARTIAL,
          PARAMETERS);

  private CudaLayerNorm() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(LayerNorm.FORWARD, spec -> forward(context.get(), spec));
    table.add(LayerNorm.BACKWARD, spec -> backward(context.get()));
  }

  private static Kernel<LayerNorm.Forward> forward(Context context, LayerNorm.Spec spec) {
    KernelFunction warp = context.function(FORWARD_WARP);
    KernelFunction block = context.function(FORWARD_BLOCK);
    return (a, pool) -> {
      Matrix x = a.x();
      KernelFunction kernel = Rows.warp(x.cols()) ? warp : block;
      kernel
          .matrix(x)
          .pointer(a.gamma())
          .pointer(a.beta())
          .matrix(a.y())
          .pointer(a.mean())
          .pointer(a.rstd())
          .int64(x.rows())
          .int64(x.cols())
          .float64(spec.epsilon());
      Rows.launch(kernel, x.rows(), x.cols());
    };
  }

  private static Kernel<LayerNorm.Backward> backward(Context context) {
    KernelFunction fused = context.function(BACKWARD_ROWS);
    KernelFunction block = context.function(BACKWARD_BLOCK);
    KernelFunction partial = context.function(PARTIAL);
    KernelFunction parameters = context.function(PARAMETERS);
    return (a, pool) -> {
      long rows = a.x().rows();
      long cols = a.x().cols();
      long quads = Math.ceilDiv(cols, QUAD);
      boolean fits = quads <= WIDEST;
      // Chunks depend on the shape alone, and so do the bits of the sums.
      long chunkRows =
          fits
              ? Math.max(FEWEST_ROWS, Math.ceilDiv(rows, MAX_CHUNKS))
              : Math.max(FEWEST_TILE_ROWS, Math.ceilDiv(rows, MAX_TILE_CHUNKS));
      long chunks = Math.ceilDiv(rows, chunkRows);
      long sumsBytes = chunks * 2 * cols * Float.BYTES;
      long sums = context.allocator().require(sumsBytes, "the sums of layer_norm.backward");
      try {
        if (fits) {
          rows(fused, a).address(sums).int64(rows).int64(cols).int64(chunkRows);
          fused.launch(chunks, (int) Math.ceilDiv(quads, WARP) * WARP);
        } else {
          partial
              .matrix(a.x())
              .pointer(a.mean())
              .pointer(a.rstd())
              .matrix(a.gradY())
              .address(sums)
              .int64(rows)
              .int64(cols)
              .int64(chunkRows)
              .launch(Math.ceilDiv(cols, TILE_COLS), chunks, PARTIAL_BLOCK, 0);
          rows(block, a).int64(rows).int64(cols).launch(rows, Rows.ROW_BLOCK);
        }
        parameters
            .address(sums)
            .int64(chunks)
            .pointer(a.gradGamma())
            .pointer(a.gradBeta())
            .int64(cols)
            .launch(Math.ceilDiv(cols, TILE_COLS), PARAMETERS_BLOCK);
      } finally {
        context.allocator().free(sums, sumsBytes);
      }
    };
  }

  private static KernelFunction rows(KernelFunction kernel, LayerNorm.Backward a) {
    return kernel
        .matrix(a.x())
        .pointer(a.gamma())
        .pointer(a.mean())
        .pointer(a.rstd())
        .matrix(a.gradY())
        .matrix(a.gradX());
  }
}

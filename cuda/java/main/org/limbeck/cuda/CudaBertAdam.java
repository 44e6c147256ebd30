// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.OptimizerStep;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * bert_adam in CUDA: {@code cuda/src/bert_adam}. The factor of the gradient stays on the device.
 */
final class CudaBertAdam implements Kernel<OptimizerStep.Arguments> {
  private static final String NAME = "bert_adam";
  private static final KernelSignature SQUARES =
      new KernelSignature(NAME, "lb_bert_adam_squares_kernel", "pl lll p");
  private static final KernelSignature CLIP =
      new KernelSignature(NAME, "lb_bert_adam_clip_kernel", "pl d p");
  private static final KernelSignature STEP = AdamStep.signature(NAME);

  private static final int SQUARES_BLOCK = 256;
  private static final long TILE_COLS = 16_384;
  private static final long MAX_GRID_Y = 65_535;

  static final Stem STEM = new Stem(NAME, CudaBertAdam::register, SQUARES, CLIP, STEP);

  private final Context context;
  private final BertAdam.Spec spec;
  private final KernelFunction squares;
  private final KernelFunction clip;
  private final AdamStep step;

  private CudaBertAdam(Context context, BertAdam.Spec spec) {
    this.context = context;
    this.spec = spec;
    squares = context.function(SQUARES);
    clip = context.function(CLIP);
    step = new AdamStep(context, STEP, spec.beta1(), spec.beta2(), spec.epsilon());
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(BertAdam.OP, spec -> new CudaBertAdam(context.get(), spec));
  }

  @Override
  public void run(OptimizerStep.Arguments a, WorkerPool pool) {
    double shrink = a.learningRate() * spec.weightDecay();
    if (Double.isInfinite(spec.maxNorm())) {
      step.run(a, 0, shrink, a.learningRate(), 1);
      return;
    }
    Matrix g = a.gradient();
    long rows = g.isContiguous() ? 1 : g.rows();
    long cols = g.isContiguous() ? g.elements() : g.cols();
    // Tiles depend on the shape alone, and so do the bits of the sum.
    long across = Math.ceilDiv(cols, TILE_COLS);
    long tileRows = Math.max(Math.max(1, TILE_COLS / cols), Math.ceilDiv(rows, MAX_GRID_Y));
    long down = Math.ceilDiv(rows, tileRows);
    long bytes = (across * down + 1) * Double.BYTES;
    long factor = context.allocator().require(bytes, "the sums of bert_adam");
    try {
      long partial = factor + Double.BYTES;
      squares.matrix(g).int64(rows).int64(cols).int64(tileRows).address(partial);
      squares.launch(across, down, SQUARES_BLOCK, 0);
      clip.address(partial).int64(across * down).float64(spec.maxNorm()).address(factor);
      clip.launch(1, Totals.BLOCK);
      step.run(a, factor, shrink, a.learningRate(), 1);
    } finally {
      context.allocator().free(factor, bytes);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Dropout;
import org.limbeck.kernels.parallel.WorkerPool;

/** dropout in CUDA: {@code cuda/src/dropout}. */
final class CudaDropout {
  private static final String NAME = "dropout";
  private static final KernelSignature KERNEL =
      new KernelSignature(NAME, "lb_dropout_kernel", "pl pl pl ll ll i f");

  private static final int BLOCK = 256;
  private static final int ITEMS = 4;
  private static final long MAX_GRID_Y = 65_535;

  static final Stem STEM = new Stem(NAME, CudaDropout::register, KERNEL);

  private final KernelFunction kernel;
  private final int threshold;
  private final float scale;

  private CudaDropout(Context context, Dropout.Spec spec) {
    kernel = context.function(KERNEL);
    threshold = (int) spec.threshold();
    scale = spec.keptScale();
  }

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(Dropout.FORWARD, spec -> new CudaDropout(context.get(), spec)::forward);
    table.add(Dropout.BACKWARD, spec -> new CudaDropout(context.get(), spec)::backward);
  }

  private void forward(Dropout.Forward a, WorkerPool pool) {
    launch(a.x(), a.residual(), a.y(), a.seed(), a.stream());
  }

  private void backward(Dropout.Backward a, WorkerPool pool) {
    launch(a.gradY(), null, a.gradX(), a.seed(), a.stream());
  }

  private void launch(Matrix x, Matrix residual, Matrix y, long seed, long stream) {
    // Matrices without gaps are one row; the numbers of their elements stay the same.
    boolean one =
        x.isContiguous() && y.isContiguous() && (residual == null || residual.isContiguous());
    long rows = one ? 1 : x.rows();
    long cols = one ? x.elements() : x.cols();
    kernel.matrix(x).matrix(residual).matrix(y).int64(rows).int64(cols);
    kernel.int64(seed).int64(stream).int32(threshold).float32(scale);
    // A row may begin and end within a block of the generator.
    long blocks = cols / ITEMS + 2;
    kernel.launch(Math.ceilDiv(blocks, BLOCK), Math.min(rows, MAX_GRID_Y), BLOCK, 0);
  }
}

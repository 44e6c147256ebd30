// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Consumer;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.kernels.parallel.WorkerPool;

/** A loss between the rows of two matrices: a kernel over rows, then the sum of its row losses. */
final class RowLossKernel implements Kernel<RowLoss.Arguments> {
  /**
   * The kernels of a stem.
   *
   * @param warp a warp a row
   * @param block a block a row
   * @param total the sum
   */
  record Kernels(KernelSignature warp, KernelSignature block, KernelSignature total) {
    /**
     * Returns the kernels of a stem.
     *
     * @param stem the stem
     * @param options the letters of the parameters that follow those of all
     */
    static Kernels of(String stem, String options) {
      String parameters = "pl pl pl ppdp ll " + options;
      return new Kernels(
          new KernelSignature(stem, "lb_" + stem + "_warp_kernel", parameters),
          new KernelSignature(stem, "lb_" + stem + "_block_kernel", parameters),
          Totals.signature(stem));
    }
  }

  private final KernelFunction warp;
  private final KernelFunction block;
  private final RowLosses losses;
  private final Consumer<KernelFunction> options;

  /** Makes the kernel; {@code options} gives the last parameters. */
  RowLossKernel(
      Context context, Kernels kernels, Normaliser normaliser, Consumer<KernelFunction> options) {
    this.warp = context.function(kernels.warp());
    this.block = context.function(kernels.block());
    this.losses = new RowLosses(context, kernels.total(), normaliser);
    this.options = options;
  }

  @Override
  public void run(RowLoss.Arguments a, WorkerPool pool) {
    Matrix student = a.student();
    long rows = student.rows();
    long cols = student.cols();
    try {
      losses.begin(rows, a.rowWeight(), a.rowLoss(), a.loss());
      KernelFunction kernel = Rows.warp(cols) ? warp : block;
      kernel.matrix(student).matrix(a.teacher()).matrix(a.gradStudent());
      losses.give(kernel).int64(rows).int64(cols);
      options.accept(kernel);
      Rows.launch(kernel, rows, cols);
      losses.sumUp();
    } finally {
      losses.end();
    }
  }
}

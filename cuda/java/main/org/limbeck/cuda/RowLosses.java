// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Normaliser;

/**
 * What launches of row losses share: the factor of the normaliser, which may have to be found on
 * the device, row losses in scratch where the caller wants none, and the loss. Belongs to one
 * operation object: begin, launch a kernel with what this gives, sum up, and end in any case.
 */
final class RowLosses {
  private final CachingAllocator allocator;
  private final Totals totals;
  private final Normaliser normaliser;

  // Of the call in progress; addresses on the device, 0 for none.
  private long rows;
  private Matrix weights;
  private long rowLoss;
  private long loss;
  private long factor;
  private double known;
  private long scratch;
  private long scratchBytes;

  RowLosses(Context context, KernelSignature total, Normaliser normaliser) {
    this.allocator = context.allocator();
    this.totals = new Totals(context, total);
    this.normaliser = normaliser;
  }

  /**
   * Begins a call: queues the sum of the weights where they are the divisor.
   *
   * @param rows the number of rows
   * @param weights F32 [1, rows], or null
   * @param rowLoss F64 [1, rows], or null
   * @param loss F64 [1, 1], or null
   */
  void begin(long rows, Matrix weights, Matrix rowLoss, Matrix loss) {
    this.rows = rows;
    this.weights = weights;
    this.rowLoss = address(rowLoss);
    this.loss = address(loss);
    boolean summed = weights != null && normaliser.kind() == Normaliser.Kind.MEAN_WEIGHTS;
    boolean kept = rowLoss == null && loss != null;
    scratchBytes = ((summed ? 1 : 0) + (kept ? rows : 0)) * Double.BYTES;
    scratch = scratchBytes == 0 ? 0 : allocator.require(scratchBytes, "row losses");
    if (kept) {
      this.rowLoss = scratch + scratchBytes - rows * Double.BYTES;
    }
    factor = summed ? scratch : 0;
    known = summed ? 0 : normaliser.factor(rows, null);
    if (summed) {
      totals.inverse(weights, factor);
    }
  }

  private static long address(Matrix m) {
    return m == null ? 0 : m.buffer().address() + m.offsetBytes();
  }

  /** Gives a kernel the weights, the factor left on the device or known, and the row losses. */
  KernelFunction give(KernelFunction kernel) {
    return kernel.pointer(weights).address(factor).float64(known).address(rowLoss);
  }

  /** Queues the sum of the row losses where it is wanted. */
  void sumUp() {
    if (loss != 0) {
      totals.sum(rowLoss, weights, rows, factor, known, loss);
    }
  }

  /** Ends the call; what is queued may still use the scratch. */
  void end() {
    weights = null;
    if (scratch != 0) {
      allocator.free(scratch, scratchBytes);
      scratch = 0;
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.kernels.parallel.RangeBody;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * What the losses between the rows of two matrices share: loss = sum_r w_r l_r / divisor.
 *
 * <p>A row of weight 0 is not read; its loss and its gradient are 0. Where the divisor is 0, the
 * loss and the whole gradient are 0. Rows are split over threads; their losses meet in memory that
 * all threads share and are added in the order of the rows, in double.
 */
abstract class VectorRowLoss implements Kernel<RowLoss.Arguments> {
  private static final RangeBody<VectorRowLoss, RowLoss.Arguments> ROWS =
      (kernel, a, scratch, from, to) ->
          kernel.rows(a, scratch.reserve(kernel.scratchBytes()), from, to);

  private final Normaliser normaliser;
  private double factor;
  private MemorySegment losses;

  VectorRowLoss(Normaliser normaliser) {
    this.normaliser = normaliser;
  }

  /** Returns the bytes of scratch that {@link #row} takes. */
  abstract long scratchBytes();

  /**
   * Returns the loss of a row and stores its gradient.
   *
   * @param ss the memory of the student
   * @param so the byte offset of its row
   * @param ts the memory of the teacher
   * @param to the byte offset of its row
   * @param bytes the length of the row
   * @param gs the memory of the gradient, or null where none is wanted
   * @param go the byte offset of its row; gradient and student may be one
   * @param coefficient the factor of the gradient
   * @param scratch scratch of this thread
   */
  abstract double row(
      MemorySegment ss,
      long so,
      MemorySegment ts,
      long to,
      long bytes,
      MemorySegment gs,
      long go,
      double coefficient,
      MemorySegment scratch);

  @Override
  public final void run(RowLoss.Arguments a, WorkerPool pool) {
    long rows = a.student().rows();
    factor = normaliser.factor(rows, a.rowWeight());
    losses = pool.shared().reserve(rows * Double.BYTES);
    pool.forRange(rows, Lanes.rowsPerChunk(a.student().cols()), this, a, ROWS);
    double sum = 0;
    for (long r = 0; r < rows; r++) {
      double loss = losses.get(ValueLayout.JAVA_DOUBLE, r * Double.BYTES);
      sum += weight(a, r) * loss;
      if (a.rowLoss() != null) {
        a.rowLoss().setDouble(0, r, loss);
      }
    }
    if (a.loss() != null) {
      a.loss().setDouble(0, 0, factor == 0 ? 0 : sum * factor);
    }
  }

  private static double weight(RowLoss.Arguments a, long row) {
    return a.rowWeight() == null ? 1 : a.rowWeight().getFloat(0, row);
  }

  private void rows(RowLoss.Arguments a, MemorySegment scratch, long from, long to) {
    Matrix student = a.student();
    Matrix teacher = a.teacher();
    Matrix grad = a.gradStudent();
    long bytes = student.cols() * Float.BYTES;
    for (long r = from; r < to; r++) {
      double weight = weight(a, r);
      boolean zero = weight == 0 || factor == 0;
      long go = grad == null ? 0 : grad.rowOffsetBytes(r);
      double loss = 0;
      if (weight != 0) {
        loss =
            row(
                student.segment(),
                student.rowOffsetBytes(r),
                teacher.segment(),
                teacher.rowOffsetBytes(r),
                bytes,
                grad == null || zero ? null : grad.segment(),
                go,
                weight * factor,
                scratch);
      }
      if (grad != null && zero) {
        VectorSoftmax.fill(grad.segment(), go, bytes, 0f);
      }
      losses.set(ValueLayout.JAVA_DOUBLE, r * Double.BYTES, loss);
    }
  }
}

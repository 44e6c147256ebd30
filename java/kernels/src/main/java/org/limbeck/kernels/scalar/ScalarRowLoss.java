// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * What the losses between the rows of two matrices share, reference: loss = sum_r w_r l_r /
 * divisor.
 *
 * <p>A row of weight 0 is not read; its loss and its gradient are 0. Where the divisor is 0, the
 * loss and the whole gradient are 0.
 */
abstract class ScalarRowLoss implements Kernel<RowLoss.Arguments> {
  private final Normaliser normaliser;

  ScalarRowLoss(Normaliser normaliser) {
    this.normaliser = normaliser;
  }

  /** Returns the loss of a row. */
  abstract double loss(Matrix student, Matrix teacher, long row);

  /** Stores coefficient times the gradient of a row, which may lie over the student. */
  abstract void gradient(
      Matrix student, Matrix teacher, long row, double coefficient, Matrix gradStudent);

  @Override
  public void run(RowLoss.Arguments a, WorkerPool pool) {
    long rows = a.student().rows();
    double factor = normaliser.factor(rows, a.rowWeight());
    double sum = 0;
    for (long r = 0; r < rows; r++) {
      double weight = a.rowWeight() == null ? 1 : a.rowWeight().getFloat(0, r);
      double loss = weight == 0 ? 0 : loss(a.student(), a.teacher(), r);
      sum += weight * loss;
      if (a.rowLoss() != null) {
        a.rowLoss().setDouble(0, r, loss);
      }
      if (a.gradStudent() != null) {
        if (weight == 0 || factor == 0) {
          for (long c = 0; c < a.gradStudent().cols(); c++) {
            a.gradStudent().setFloat(r, c, 0);
          }
        } else {
          gradient(a.student(), a.teacher(), r, weight * factor, a.gradStudent());
        }
      }
    }
    if (a.loss() != null) {
      a.loss().setDouble(0, 0, factor == 0 ? 0 : sum * factor);
    }
  }
}

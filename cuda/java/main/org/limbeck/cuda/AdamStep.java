// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.OptimizerStep;

/** The step that adamw and bert_adam share: {@code cuda/src/device/adam.h}. */
final class AdamStep {
  private static final int BLOCK = 256;
  private static final int ITEMS = 4;
  private static final long MAX_GRID_Y = 65_535;

  private final KernelFunction kernel;
  private final double beta1;
  private final double beta2;
  private final double epsilon;

  AdamStep(Context context, KernelSignature signature, double beta1, double beta2, double epsilon) {
    this.kernel = context.function(signature);
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
  }

  /** Returns the step's kernel in the image of a stem. */
  static KernelSignature signature(String stem) {
    return new KernelSignature(stem, "lb_" + stem + "_step_kernel", "pl pl pl pl ll p ffffffff");
  }

  /**
   * Queues the step.
   *
   * @param a the tensors
   * @param factor where the factor of the gradient lies on the device, 0 for 1
   * @param shrink what the parameter loses times itself
   * @param size what the quotient of the moments is multiplied by
   * @param root what the root of the second moment is multiplied by
   */
  void run(OptimizerStep.Arguments a, long factor, double shrink, double size, double root) {
    Matrix w = a.parameter();
    // Tensors without gaps are one row.
    boolean one =
        w.isContiguous()
            && a.gradient().isContiguous()
            && a.firstMoment().isContiguous()
            && a.secondMoment().isContiguous();
    long rows = one ? 1 : w.rows();
    long cols = one ? w.elements() : w.cols();
    kernel.matrix(w).matrix(a.gradient()).matrix(a.firstMoment()).matrix(a.secondMoment());
    kernel.int64(rows).int64(cols).address(factor);
    kernel.float32((float) beta1).float32((float) (1 - beta1));
    kernel.float32((float) beta2).float32((float) (1 - beta2)).float32((float) epsilon);
    kernel.float32((float) shrink).float32((float) size).float32((float) root);
    kernel.launch(Math.ceilDiv(cols, ITEMS * BLOCK), Math.min(rows, MAX_GRID_Y), BLOCK, 0);
  }
}

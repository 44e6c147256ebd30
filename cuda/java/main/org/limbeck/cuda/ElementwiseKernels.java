// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.memory.Matrix;

/**
 * Kernels that apply a function to each element, on the loops of {@code
 * cuda/src/device/elementwise.h}.
 */
final class ElementwiseKernels {
  /** What a kernel of one input takes. */
  static final String UNARY = "pl pl ll";

  /** What a kernel of two inputs takes. */
  static final String BINARY = "pl pl pl ll";

  private static final int BLOCK = 256;
  private static final int ITEMS = 4;
  private static final long MAX_GRID_Y = 65_535;

  private ElementwiseKernels() {}

  /** Queues y = f(x). */
  static void unary(KernelFunction kernel, Matrix x, Matrix y) {
    boolean one = x.isContiguous() && y.isContiguous();
    launch(kernel.matrix(x).matrix(y), one, x);
  }

  /** Queues z = f(x, y). */
  static void binary(KernelFunction kernel, Matrix x, Matrix y, Matrix z) {
    boolean one = x.isContiguous() && y.isContiguous() && z.isContiguous();
    launch(kernel.matrix(x).matrix(y).matrix(z), one, x);
  }

  /** Matrices without gaps are one row. */
  private static void launch(KernelFunction kernel, boolean one, Matrix shape) {
    long rows = one ? 1 : shape.rows();
    long cols = one ? shape.elements() : shape.cols();
    kernel.int64(rows).int64(cols);
    kernel.launch(Math.ceilDiv(cols, ITEMS * BLOCK), Math.min(rows, MAX_GRID_Y), BLOCK, 0);
  }
}

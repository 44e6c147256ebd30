// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.FakeQuant;

/**
 * One use of a quantizer, frozen at reference values x0: the straight-through surrogate q(x) =
 * q(x0) + (x - x0) * m, where the mask m = 1[|x0| &lt; clip], and its gradient, m.
 *
 * <p>A quantizer itself is piecewise constant and its scales jump, so that no difference quotient
 * of a network that contains it tells anything; the surrogate is smooth, and has the gradient that
 * training sees.
 *
 * <p><i>Accuracy</i>: q is computed as x * m - (x0 * m - q(x0)), each operation in float32.
 */
final class FrozenQuantizer {
  private final Compute compute;
  private final FakeQuant.Spec spec;
  private final Matrix reference;
  // x0 * m - q(x0), what rounding and clipping took away.
  private final Matrix residual;

  /**
   * Freezes a quantizer.
   *
   * @param memory where what is kept lives
   * @param spec a quantizer whose gradient depends on the values alone
   * @param x x0, F32 [rows, cols]; copied
   * @param quantized q(x0), F32 [rows, cols], contiguous
   */
  FrozenQuantizer(Compute compute, Memory memory, FakeQuant.Spec spec, Matrix x, Matrix quantized) {
    this.compute = compute;
    this.spec = spec;
    reference = memory.matrix(DType.F32, x.rows(), x.cols());
    residual = memory.matrix(DType.F32, x.rows(), x.cols());
    memory.copy(x, reference);
    mask(reference, residual);
    compute.subtract(quantized, residual);
  }

  private void mask(Matrix x, Matrix y) {
    // The straight-through gradient of x, by the reference's mask.
    compute.operation(FakeQuant.BACKWARD, spec).run(FakeQuant.Backward.of(reference, x, y));
  }

  /**
   * Computes q(x).
   *
   * @param x F32 [rows, cols]
   * @param y F32 [rows, cols], contiguous, written
   */
  void forward(Matrix x, Matrix y) {
    mask(x, y);
    compute.subtract(residual, y);
  }

  /**
   * Turns the gradient by q(x) into that by x.
   *
   * @param gradient F32 [rows, cols], changed in place
   */
  void backward(Matrix gradient) {
    mask(gradient, gradient);
  }
}

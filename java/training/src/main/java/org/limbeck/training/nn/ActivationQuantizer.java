// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;

/** Quantizes activations on their way into a product, or lets them through in full precision. */
public final class ActivationQuantizer {
  private final Compute compute;
  private final FakeQuant.Spec spec;

  /**
   * Makes a quantizer.
   *
   * @param compute operations and memory
   * @param spec how activations are quantized, or null for full precision
   */
  public ActivationQuantizer(Compute compute, FakeQuant.Spec spec) {
    this.compute = compute;
    this.spec = spec;
  }

  /** Returns whether it changes anything. */
  public boolean isActive() {
    return spec != null;
  }

  /**
   * Quantizes.
   *
   * @param x F32 [rows, cols]
   * @param slot where quantized values go; not used in full precision
   * @return what the product takes: a view of the slot, or {@code x} itself
   */
  public Matrix forward(Matrix x, Slot slot) {
    if (spec == null) {
      return x;
    }
    Matrix y = slot.view(x.rows(), x.cols());
    compute.operation(FakeQuant.FORWARD, spec).run(FakeQuant.Forward.of(x, y));
    return y;
  }

  /**
   * Turns the gradient by the quantized values into that by the values.
   *
   * @param x the values of the forward, F32 [rows, cols]
   * @param gradient F32 [rows, cols], changed in place
   */
  public void backward(Matrix x, Matrix gradient) {
    if (spec != null) {
      compute.operation(FakeQuant.BACKWARD, spec).run(FakeQuant.Backward.of(x, gradient, gradient));
    }
  }
}

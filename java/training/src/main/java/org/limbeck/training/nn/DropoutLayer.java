// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Dropout;

/** One use of dropout in a network; its mask is recomputed in the backward, not stored. */
public final class DropoutLayer {
  private final Compute compute;
  private final int site;

  /**
   * Makes a layer.
   *
   * @param compute operations and memory
   * @param site the number of this use, different from all others in the network
   */
  public DropoutLayer(Compute compute, int site) {
    this.compute = compute;
    this.site = site;
  }

  /**
   * Computes y = residual + dropout(x).
   *
   * @param x F32 [rows, cols]
   * @param residual F32 [rows, cols], or null for none
   * @param y F32 [rows, cols], written; {@code x} or {@code residual} itself or separate memory
   * @param pass how the network runs
   */
  public void forward(Matrix x, Matrix residual, Matrix y, Pass pass) {
    compute
        .operation(Dropout.FORWARD, new Dropout.Spec(pass.dropout()))
        .run(new Dropout.Forward(x, residual, y, pass.seed(), pass.stream(site)));
  }

  /**
   * Computes the gradient by the input.
   *
   * @param gradY gradient by the output, F32 [rows, cols]
   * @param gradX F32 [rows, cols], written; {@code gradY} itself or separate memory
   * @param pass that of the forward
   */
  public void backward(Matrix gradY, Matrix gradX, Pass pass) {
    compute
        .operation(Dropout.BACKWARD, new Dropout.Spec(pass.dropout()))
        .run(new Dropout.Backward(gradY, gradX, pass.seed(), pass.stream(site)));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.op.GemmF32.Epilogue;

/**
 * A linear layer: y = x W^T + b. Backward: gradX = gradY W, gradW += gradY^T x, gradB += sum over
 * rows of gradY.
 */
public final class Linear {
  private static final GemmF32.Spec FORWARD =
      GemmF32.Spec.of(false, true).withEpilogue(Epilogue.BIAS);
  private static final GemmF32.Spec FORWARD_RELU =
      GemmF32.Spec.of(false, true).withEpilogue(Epilogue.BIAS_RELU);
  private static final GemmF32.Spec GRAD_INPUT = GemmF32.Spec.of(false, false);
  private static final GemmF32.Spec GRAD_INPUT_ADDED = GRAD_INPUT.withBeta(1);
  private static final GemmF32.Spec GRAD_WEIGHT = GemmF32.Spec.of(true, false).withBeta(1);

  private final Compute compute;
  private final Weight weight;
  private final Parameter bias;

  /**
   * Makes a layer.
   *
   * @param compute operations and memory
   * @param weight F32 [out, in]
   * @param bias F32 [1, out]
   */
  public Linear(Compute compute, Weight weight, Parameter bias) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.weight = Objects.requireNonNull(weight, "weight");
    this.bias = Objects.requireNonNull(bias, "bias");
  }

  /** Returns the weight. */
  public Weight weight() {
    return weight;
  }

  /**
   * Computes the outputs.
   *
   * @param x F32 [rows, in]
   * @param y F32 [rows, out], written
   */
  public void forward(Matrix x, Matrix y) {
    forward(FORWARD, x, y);
  }

  /**
   * Computes the outputs and cuts them off at 0: y = max(0, x W^T + b). The backward of the cut is
   * the caller's, and needs y alone.
   *
   * @param x F32 [rows, in]
   * @param y F32 [rows, out], written
   */
  public void forwardRelu(Matrix x, Matrix y) {
    forward(FORWARD_RELU, x, y);
  }

  private void forward(GemmF32.Spec spec, Matrix x, Matrix y) {
    compute.product(
        spec, new GemmF32.Arguments(x, weight.effective(), y, bias.value(), GemmF32.Batch.SINGLE));
  }

  /**
   * Adds the gradients of weight and bias.
   *
   * @param x the inputs of the forward, F32 [rows, in]
   * @param gradY gradient of the loss by the outputs, F32 [rows, out]
   */
  public void backwardParameters(Matrix x, Matrix gradY) {
    compute.product(GRAD_WEIGHT, GemmF32.Arguments.of(gradY, x, weight.latent().gradient()));
    compute.addSumOfRows(gradY, bias.gradient());
  }

  /**
   * Computes the gradient by the inputs.
   *
   * @param gradY gradient of the loss by the outputs, F32 [rows, out]
   * @param gradX F32 [rows, in], written, or added to
   * @param added whether it is added to what {@code gradX} holds
   */
  public void backwardInput(Matrix gradY, Matrix gradX, boolean added) {
    compute.product(
        added ? GRAD_INPUT_ADDED : GRAD_INPUT,
        GemmF32.Arguments.of(gradY, weight.effective(), gradX));
  }
}

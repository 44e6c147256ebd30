// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Relu;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.DropoutLayer;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;

/**
 * One use of the feed-forward layer with residual and post-norm: norm(X +
 * dropout(linear(relu(linear(X))))).
 */
final class FeedForwardSubLayer {
  private static final Relu.Spec RELU = new Relu.Spec();

  private final Compute compute;
  private final Linear inner;
  private final Linear outer;
  private final Normalisation norm;
  private final DropoutLayer dropout;
  private final int innerWidth;

  FeedForwardSubLayer(
      Compute compute,
      Linear inner,
      Linear outer,
      Normalisation norm,
      int innerWidth,
      int dropoutSite) {
    this.compute = compute;
    this.inner = inner;
    this.outer = outer;
    this.norm = norm;
    this.innerWidth = innerWidth;
    dropout = new DropoutLayer(compute, dropoutSite);
  }

  /** What a forward leaves for the backward. */
  static final class Saved {
    final Slot wide;
    final Slot sum;
    final Normalisation.Saved norm;

    Saved(Compute compute, Stack stack, Capacity capacity) {
      wide = new Slot(compute.memory(), capacity.rows() * stack.feedForward());
      sum = new Slot(compute.memory(), capacity.rows() * stack.width());
      norm = new Normalisation.Saved(compute, capacity.rows());
    }
  }

  /**
   * Computes the output.
   *
   * @param x F32 [rows, d]
   * @param y F32 [rows, d], written
   */
  void forward(Matrix x, Matrix y, Saved a, Pass pass) {
    Matrix wide = a.wide.view(x.rows(), innerWidth);
    inner.forwardRelu(x, wide);
    Matrix sum = a.sum.view(x.rows(), x.cols());
    outer.forward(wide, sum);
    dropout.forward(sum, x, sum, pass);
    norm.forward(sum, y, a.norm);
  }

  /**
   * Computes the gradient by the input and adds those of the parameters.
   *
   * @param x the input of the forward
   * @param gradient by the output on entry, by the input on return, F32 [rows, d]
   */
  void backward(Matrix x, Matrix gradient, Saved a, Scratch s, Pass pass) {
    norm.backward(a.sum.view(), a.norm, gradient);
    Matrix gradOutput = s.narrow.view(x.rows(), x.cols());
    dropout.backward(gradient, gradOutput, pass);
    Matrix wide = a.wide.view();
    Matrix gradWide = s.wide.view(wide.rows(), wide.cols());
    outer.backwardParameters(wide, gradOutput);
    outer.backwardInput(gradOutput, gradWide, false);
    // relu(x) is above 0 where x is.
    compute.operation(Relu.BACKWARD, RELU).run(new Elementwise.Backward(wide, gradWide, gradWide));
    inner.backwardParameters(x, gradWide);
    inner.backwardInput(gradWide, gradient, true);
  }
}

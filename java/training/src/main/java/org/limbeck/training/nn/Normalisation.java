// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.LayerNorm;

/** Layer normalisation with its learned scale and shift. */
public final class Normalisation {
  private final Compute compute;
  private final LayerNorm.Spec spec;
  private final Parameter gamma;
  private final Parameter beta;

  /**
   * Makes a layer.
   *
   * @param compute operations and memory
   * @param epsilon added to the variance
   * @param gamma the scale, F32 [1, cols]
   * @param beta the shift, F32 [1, cols]
   */
  public Normalisation(Compute compute, double epsilon, Parameter gamma, Parameter beta) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.spec = new LayerNorm.Spec(epsilon);
    this.gamma = Objects.requireNonNull(gamma, "gamma");
    this.beta = Objects.requireNonNull(beta, "beta");
  }

  /** What a forward leaves for its backward: row means and reciprocal deviations. */
  public static final class Saved {
    private final Slot mean;
    private final Slot rstd;

    /**
     * Allocates for a largest number of rows.
     *
     * @param compute where it lives
     * @param rows the largest number of rows
     */
    public Saved(Compute compute, long rows) {
      mean = new Slot(compute.memory(), rows);
      rstd = new Slot(compute.memory(), rows);
    }
  }

  /**
   * Computes the outputs.
   *
   * @param x F32 [rows, cols]
   * @param y F32 [rows, cols], written
   * @param saved what the backward needs, written
   */
  public void forward(Matrix x, Matrix y, Saved saved) {
    compute
        .operation(LayerNorm.FORWARD, spec)
        .run(
            new LayerNorm.Forward(
                x,
                gamma.value(),
                beta.value(),
                y,
                saved.mean.view(1, x.rows()),
                saved.rstd.view(1, x.rows())));
  }

  /**
   * Computes the gradient by the inputs and adds those of scale and shift.
   *
   * @param x the inputs of the forward, F32 [rows, cols]
   * @param saved what the forward left
   * @param gradient by the outputs on entry, by the inputs on return, F32 [rows, cols]
   */
  public void backward(Matrix x, Saved saved, Matrix gradient) {
    compute
        .operation(LayerNorm.BACKWARD, spec)
        .run(
            new LayerNorm.Backward(
                x,
                gamma.value(),
                saved.mean.view(),
                saved.rstd.view(),
                gradient,
                gradient,
                gamma.gradient(),
                beta.gradient()));
  }
}

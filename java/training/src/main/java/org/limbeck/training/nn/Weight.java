// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.FakeQuant;

/**
 * A weight as a layer sees it: the parameter itself, or its quantized values, which {@link
 * #refresh} makes anew from the latent ones after each change.
 *
 * <p>Layers add the gradient by the quantized values to the parameter's gradient. The mask of the
 * straight-through estimator depends on the latent values alone and distributes over that sum, so
 * {@link #passStraightThrough} applies it once, after the whole backward.
 */
public final class Weight {
  private final Compute compute;
  private final Parameter latent;
  private final FakeQuant.Spec quantizer;
  private final Matrix effective;
  private FrozenQuantizer frozen;

  /**
   * Makes a weight.
   *
   * @param compute operations and memory
   * @param latent the parameter, F32 [out, in]
   * @param quantizer how it is quantized, or null for full precision
   */
  public Weight(Compute compute, Parameter latent, FakeQuant.Spec quantizer) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.latent = Objects.requireNonNull(latent, "latent");
    this.quantizer = quantizer;
    this.effective =
        quantizer == null
            ? latent.value()
            : compute.memory().matrix(DType.F32, latent.value().rows(), latent.value().cols());
  }

  /** Returns the parameter. */
  public Parameter latent() {
    return latent;
  }

  /** Returns how the parameter is quantized, or null for full precision. */
  public FakeQuant.Spec quantizer() {
    return quantizer;
  }

  /** Returns the values that the forward and backward use, F32 [out, in]. */
  public Matrix effective() {
    return effective;
  }

  /** Quantizes the latent values. */
  public void refresh() {
    if (frozen != null) {
      frozen.forward(latent.value(), effective);
    } else if (quantizer != null) {
      compute
          .operation(FakeQuant.FORWARD, quantizer)
          .run(FakeQuant.Forward.of(latent.value(), effective));
    }
  }

  /**
   * Freezes the quantizer at the latent values as they are: from now on {@link #refresh} and {@link
   * #passStraightThrough} are those of the straight-through surrogate around them.
   *
   * @param memory where what is kept lives, on the same device; open until {@link #thaw}
   */
  public void freeze(Memory memory) {
    thaw();
    if (quantizer != null) {
      refresh();
      frozen = new FrozenQuantizer(compute, memory, quantizer, latent.value(), effective);
    }
  }

  /** Returns to quantizing the latent values at hand; {@link #refresh} does so. */
  public void thaw() {
    frozen = null;
  }

  /** Turns the gradient by the quantized values into that by the latent ones. */
  public void passStraightThrough() {
    if (frozen != null) {
      frozen.backward(latent.gradient());
    } else if (quantizer != null) {
      compute
          .operation(FakeQuant.BACKWARD, quantizer)
          .run(FakeQuant.Backward.of(latent.value(), latent.gradient(), latent.gradient()));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.util.HashMap;
import java.util.Map;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.FakeQuant;

/** Quantizes activations on their way into a product, or lets them through in full precision. */
public final class ActivationQuantizer {
  private final Compute compute;
  private final FakeQuant.Spec spec;

  // Of analyses. A use is known by where its values lie, which is the same in every pass over the
  // same activations in the same shape.
  private final Map<Matrix, FrozenQuantizer> frozen = new HashMap<>();
  private Memory frozenMemory;

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
    FrozenQuantizer use = frozen.get(x);
    if (use != null) {
      use.forward(x, y);
      return y;
    }
    compute.operation(FakeQuant.FORWARD, spec).run(FakeQuant.Forward.of(x, y));
    if (frozenMemory != null) {
      frozen.put(x, new FrozenQuantizer(compute, frozenMemory, spec, x, y));
    }
    return y;
  }

  /**
   * Freezes each use at the values that the next pass brings there: from the pass after it on,
   * forward and backward are those of the straight-through surrogate around these values. All
   * passes go over the same activations in the same shape and without dropout.
   *
   * @param memory where what is kept lives, on the same device; open until {@link #thaw}
   */
  public void freeze(Memory memory) {
    thaw();
    frozenMemory = memory;
  }

  /** Returns to quantizing the values at hand. */
  public void thaw() {
    frozen.clear();
    frozenMemory = null;
  }

  /**
   * Turns the gradient by the quantized values into that by the values.
   *
   * @param x the values of the forward, F32 [rows, cols]
   * @param gradient F32 [rows, cols], changed in place
   */
  public void backward(Matrix x, Matrix gradient) {
    FrozenQuantizer use = frozen.get(x);
    if (use != null) {
      use.backward(gradient);
    } else if (spec != null) {
      compute.operation(FakeQuant.BACKWARD, spec).run(FakeQuant.Backward.of(x, gradient, gradient));
    }
  }
}

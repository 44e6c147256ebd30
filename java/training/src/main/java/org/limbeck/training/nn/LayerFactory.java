// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import java.util.Objects;
import org.limbeck.kernels.op.FakeQuant;

/**
 * Makes layers and adds their parameters to a set, under the usual names: {@code NAME.weight} and
 * {@code NAME.bias}.
 *
 * @param compute operations and memory
 * @param set what the parameters are added to
 */
public record LayerFactory(Compute compute, ParameterSet set) {
  /** Checks that both are there. */
  public LayerFactory {
    Objects.requireNonNull(compute, "compute");
    Objects.requireNonNull(set, "set");
  }

  /**
   * Makes a linear layer with bias.
   *
   * @param name its name, not yet in use
   * @param out the number of outputs
   * @param in the number of inputs
   * @param quantizer how the weight is quantized, or null for full precision
   */
  public Linear linear(String name, int out, int in, FakeQuant.Spec quantizer) {
    Weight weight = new Weight(compute, set.add(name + ".weight", out, in), quantizer);
    return new Linear(compute, weight, set.add(name + ".bias", 1, out));
  }

  /**
   * Makes a layer normalisation.
   *
   * @param name its name, not yet in use
   * @param width the number of columns
   * @param epsilon added to the variance
   */
  public Normalisation normalisation(String name, int width, double epsilon) {
    return new Normalisation(
        compute, epsilon, set.add(name + ".weight", 1, width), set.add(name + ".bias", 1, width));
  }
}

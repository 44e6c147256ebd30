// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Weight;

/** Makes layers whose parameters carry Hugging Face's names. */
record LayerFactory(Compute compute, ParameterSet set) {
  Linear linear(String name, int out, int in, FakeQuant.Spec quantizer) {
    Weight weight = new Weight(compute, set.add(name + ".weight", out, in), quantizer);
    return new Linear(compute, weight, set.add(name + ".bias", 1, out));
  }

  Normalisation normalisation(String name, int width, double epsilon) {
    return new Normalisation(
        compute, epsilon, set.add(name + ".weight", 1, width), set.add(name + ".bias", 1, width));
  }
}

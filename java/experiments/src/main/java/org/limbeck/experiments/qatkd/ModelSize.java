// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.util.HashMap;
import java.util.Map;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.packed.PackedTernary;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Weight;

/**
 * The size of a network's parameters.
 *
 * @param fullBytes with 4 bytes a value
 * @param packedBytes with ternary values as {@link PackedTernary} lays them out and 4 bytes a
 *     group's scale, the rest in full
 */
record ModelSize(long fullBytes, long packedBytes) {
  static ModelSize of(BertClassifier network) {
    Map<String, FakeQuant.Spec> quantizers = new HashMap<>();
    for (Weight weight : network.weights()) {
      quantizers.put(weight.latent().name(), weight.quantizer());
    }
    long full = 0;
    long packed = 0;
    for (Parameter parameter : network.parameters().all()) {
      long rows = parameter.value().rows();
      long cols = parameter.value().cols();
      long bytes = rows * cols * Float.BYTES;
      full += bytes;
      FakeQuant.Spec spec = quantizers.get(parameter.name());
      packed +=
          spec == null
              ? bytes
              : PackedTernary.byteSize(rows, cols) + spec.group().count(rows, cols) * Float.BYTES;
    }
    return new ModelSize(full, packed);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.util.HashMap;
import java.util.Map;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Weight;

/**
 * The size of a network's parameters.
 *
 * @param fullBytes with 4 bytes a value
 * @param packedBytes with 2 bits a ternary value and 4 bytes a group's scale, the rest in full
 */
record ModelSize(long fullBytes, long packedBytes) {
  private static final int CODES_IN_A_BYTE = 4;

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
              : rows * ((cols + CODES_IN_A_BYTE - 1) / CODES_IN_A_BYTE)
                  + spec.group().count(rows, cols) * Float.BYTES;
    }
    return new ModelSize(full, packed);
  }
}

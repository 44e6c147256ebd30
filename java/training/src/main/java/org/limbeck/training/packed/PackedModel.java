// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.packed;

import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Scheme;
import org.limbeck.kernels.packed.PackedTernary;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Weight;

/**
 * A ternary student as it is deployed: packed weights where it was trained with ternary ones, the
 * rest in full precision. Tensors are on the host, carry Hugging Face's names, and live as long as
 * the memory or the mapped file that they came from.
 *
 * @param name the short name of the encoder that the student began as
 * @param task the name of the task that it was trained for
 * @param labels the number of outputs C: classes, or 1 for regression
 * @param config the sizes
 * @param activation how the inputs of products were quantized in training
 * @param ternary the packed weights: word embeddings by row, linear layers and pooler by tensor
 * @param full the other tensors, F32; vectors are matrices of one row
 * @param vocabulary the tokenizer's data
 */
public record PackedModel(
    String name,
    String task,
    int labels,
    BertConfig config,
    FakeQuant.Spec activation,
    Map<String, PackedWeight> ternary,
    Map<String, Matrix> full,
    PretrainedModel.Vocabulary vocabulary) {
  /** Checks that all parts are there. */
  public PackedModel {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(task, "task");
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(activation, "activation");
    ternary = Map.copyOf(ternary);
    full = Map.copyOf(full);
    Objects.requireNonNull(vocabulary, "vocabulary");
  }

  /**
   * Packs a network as its quantizers see it: the codes and scales are those of its parameters at
   * hand, bit for bit.
   *
   * @param compute the operations of the network's device
   * @param network a network with ternary weights
   * @param name the short name of the encoder that it began as
   * @param task the name of its task
   * @param vocabulary its tokenizer's data
   * @param host where the result lives
   * @throws IllegalArgumentException if a weight is not ternary or activations are not quantized
   */
  public static PackedModel of(
      Compute compute,
      BertClassifier network,
      String name,
      String task,
      PretrainedModel.Vocabulary vocabulary,
      HostMemory host) {
    Map<String, PackedWeight> ternary = new TreeMap<>();
    for (Weight weight : network.weights()) {
      ternary.put(weight.latent().name(), pack(compute, weight, host));
    }
    Map<String, Matrix> full = new TreeMap<>();
    for (Parameter parameter : network.parameters().all()) {
      if (!ternary.containsKey(parameter.name())) {
        Matrix value = parameter.value();
        Matrix copy = host.matrix(DType.F32, value.rows(), value.cols());
        network.parameters().download(parameter, copy);
        full.put(parameter.name(), copy);
      }
    }
    FakeQuant.Spec activation = network.quantization().activation();
    if (activation == null) {
      throw new IllegalArgumentException(
          "PackedModel.of: network: given activations in full precision, expected quantized ones");
    }
    return new PackedModel(
        name, task, network.labels(), network.config(), activation, ternary, full, vocabulary);
  }

  private static PackedWeight pack(Compute compute, Weight weight, HostMemory host) {
    FakeQuant.Spec quantizer = weight.quantizer();
    if (quantizer == null || quantizer.scheme() != Scheme.TERNARY_TWN) {
      throw new IllegalArgumentException(
          "PackedModel.of: network: given weight "
              + weight.latent()
              + " with quantizer "
              + quantizer
              + ", expected a ternary one");
    }
    Matrix latent = weight.latent().value();
    Matrix scale = host.vector(DType.F32, quantizer.group().count(latent.rows(), latent.cols()));
    try (Memory device = compute.limbeck().newMemory();
        HostMemory staging = new HostMemory()) {
      Matrix deviceCodes = device.matrix(DType.I8, latent.rows(), latent.cols());
      Matrix deviceScale = device.vector(DType.F32, scale.cols());
      compute
          .operation(FakeQuant.FORWARD, quantizer)
          .run(new FakeQuant.Forward(latent, null, null, deviceCodes, deviceScale, null));
      Matrix codes = staging.matrix(DType.I8, latent.rows(), latent.cols());
      device.download(deviceCodes, codes);
      device.download(deviceScale, scale);
      return new PackedWeight(PackedTernary.pack(codes, host), scale);
    }
  }

  /** Returns the size of all tensors, padding of packed rows included. */
  public long bytes() {
    return ternary.values().stream().mapToLong(PackedWeight::bytes).sum()
        + full.values().stream().mapToLong(m -> m.elements() * m.type().bytes()).sum();
  }
}

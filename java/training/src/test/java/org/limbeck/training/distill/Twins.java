// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.RandomNormal;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;

/** Random networks and batches that are the same here and in libtorch. */
final class Twins {
  private Twins() {}

  /** Skips the tests of a class where libtorch cannot be loaded. */
  static void assumeTorch() {
    boolean loaded;
    try {
      torch.set_num_threads(1);
      loaded = true;
    } catch (LinkageError e) {
      loaded = false;
    }
    assumeTrue(loaded, "skipped: libtorch cannot be loaded on this platform");
  }

  /** Gives a network and its twin the same random values, and returns the twin. */
  static TorchBert randomise(Compute compute, BertClassifier network, long seed, TorchBert torch) {
    long stream = 0;
    for (Parameter parameter : network.parameters().all()) {
      String name = parameter.name();
      boolean scale = name.endsWith("LayerNorm.weight");
      boolean shift = name.endsWith("bias");
      double deviation = scale || shift ? 0.1 : name.startsWith("embeddings") ? 0.5 : 0.3;
      long s = stream++;
      Tensors.upload(
          compute.memory(),
          parameter.value(),
          i -> (float) ((scale ? 1 : 0) + deviation * RandomNormal.at(seed, s, i)));
      torch.parameter(
          name,
          Tensors.download(compute.memory(), parameter.value()),
          parameter.value().rows(),
          parameter.value().cols());
    }
    network.refreshWeights();
    return torch;
  }

  /** A batch of random tokens, padded with zeros. */
  record Inputs(long[] tokens, long[] types, long[] positions, int[] lengths, int length) {
    static Inputs random(int vocabulary, int[] lengths, int length) {
      long[] tokens = new long[lengths.length * length];
      long[] types = new long[tokens.length];
      long[] positions = new long[tokens.length];
      for (int i = 0; i < tokens.length; i++) {
        boolean real = i % length < lengths[i / length];
        tokens[i] =
            real ? 1 + Integer.remainderUnsigned(Philox.word(7, 0, i, 0), vocabulary - 1) : 0;
        types[i] = real && i % 3 == 0 ? 1 : 0;
        positions[i] = i % length;
      }
      return new Inputs(tokens, types, positions, lengths, length);
    }

    TokenBatch batch(HostMemory host) {
      return new TokenBatch(
          lengths.length,
          length,
          host.copyOf(tokens),
          host.copyOf(types),
          host.copyOf(positions),
          host.copyOf(lengths));
    }

    void forward(TorchBert network) {
      network.forward(tokens, types, positions, lengths, length);
    }
  }

  /** Returns the elements of a tensor of doubles; zeros for one that is not defined. */
  static double[] values(Tensor tensor, int count) {
    double[] values = new double[count];
    if (tensor.defined()) {
      ByteBuffer bytes = tensor.contiguous().data_ptr().limit(8L * count).asByteBuffer();
      bytes.order(ByteOrder.nativeOrder()).asDoubleBuffer().get(values);
    }
    return values;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.RandomBert;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.Tensors;

/** Random networks that are the same here and in libtorch. */
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
    assumeTrue(loaded, "libtorch cannot be loaded on this platform");
  }

  /** Gives a network and its twin the same random values, and returns the twin. */
  static TorchBert randomise(Compute compute, BertClassifier network, long seed, TorchBert torch) {
    RandomBert.randomise(compute, network, seed);
    for (Parameter parameter : network.parameters().all()) {
      torch.parameter(
          parameter.name(),
          Tensors.download(compute.memory(), parameter.value()),
          parameter.value().rows(),
          parameter.value().cols());
    }
    return torch;
  }

  /** Takes a batch through a twin. */
  static void forward(TorchBert network, RandomBert.Tokens batch) {
    network.forward(
        batch.tokens(), batch.types(), batch.positions(), batch.lengths(), batch.length());
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

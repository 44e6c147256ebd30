// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
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

  /** Asserts that a parameter's gradient is the twin's, within a bound relative to its norm. */
  static void assertSameGradient(
      Compute compute, Parameter parameter, Tensor theirs, double bound) {
    float[] got = Tensors.download(compute.memory(), parameter.gradient());
    double[] want = values(theirs.grad(), got.length);
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < got.length; i++) {
      difference += Math.pow(got[i] - want[i], 2);
      norm += want[i] * want[i];
    }
    // The gradient of key biases is 0 but for rounding: softmax ignores a shift of its row.
    double floor = 1e-6 * Math.sqrt(got.length);
    assertTrue(
        Math.sqrt(difference) <= bound * Math.sqrt(norm) + floor,
        parameter.name()
            + ": difference "
            + Math.sqrt(difference)
            + " of a norm of "
            + Math.sqrt(norm)
            + ", got "
            + Arrays.toString(Arrays.copyOf(got, 4))
            + ", want "
            + Arrays.toString(Arrays.copyOf(want, 4)));
  }
}

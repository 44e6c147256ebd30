// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.function.Supplier;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** What all parts of libtorch's step share. */
final class Torch {
  private Torch() {}

  static Scalar number(double value) {
    return new Scalar(value);
  }

  /**
   * Computes a tensor and frees what it was made of, unless autograd holds it: without, all of a
   * step's temporaries would live until its end, which no C++ or Python program does.
   *
   * @param work what is computed, in a scope around this call
   */
  static Tensor keep(Supplier<Tensor> work) {
    PointerScope outer = PointerScope.getInnerScope();
    try (PointerScope inner = new PointerScope()) {
      Tensor result = work.get();
      outer.attach(result);
      return result;
    }
  }

  /** Computes without a graph for autograd. */
  static void withoutGradient(Runnable work) {
    GradMode.set_enabled(false);
    try {
      work.run();
    } finally {
      GradMode.set_enabled(true);
    }
  }

  /** Returns the elements of a tensor of float32, row after row; zeros for one not defined. */
  static float[] elements(Tensor tensor, int count) {
    float[] elements = new float[count];
    if (tensor.defined()) {
      new FloatPointer(tensor.contiguous().data_ptr()).get(elements);
    }
    return elements;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.ArrayList;
import java.util.List;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;

/**
 * The executed layers of a decoder, all of one kind.
 *
 * @param layers the layers in order
 * @param <S> what the forward of a layer leaves for the backward
 */
record DecoderStack<S>(List<? extends DecoderLayer<S>> layers) {
  /** A layer with the tensors of a pass. */
  record Run<S>(DecoderLayer<S> layer, S saved) {
    void forward(Matrix x, Matrix y, DecoderPass pass, Scratch scratch) {
      layer.forward(x, y, pass, saved, scratch);
    }

    void backward(Matrix x, Matrix gradient, Matrix gradMemory, DecoderPass pass, Scratch scratch) {
      layer.backward(x, gradient, gradMemory, pass, saved, scratch);
    }
  }

  /** Allocates for a pass; without a backward, layers share what they leave. */
  List<Run<S>> newRuns(Compute where, Capacity capacity, boolean backward) {
    List<Run<S>> runs = new ArrayList<>();
    S shared = null;
    for (DecoderLayer<S> layer : layers) {
      if (shared == null || backward) {
        shared = layer.newSaved(where, capacity);
      }
      runs.add(new Run<>(layer, shared));
    }
    return runs;
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;

/** The tensors of an encoder's pass. Without a backward, layers share all but their outputs. */
final class EncoderActivations {
  final EncoderLayer.Saved[] layers;
  final HiddenStates hidden;

  EncoderActivations(
      Compute where, Stack stack, EncoderLayer[] layers, Capacity capacity, boolean backward) {
    this.layers = new EncoderLayer.Saved[layers.length];
    for (int l = 0; l < layers.length; l++) {
      this.layers[l] = l > 0 && !backward ? this.layers[0] : layers[l].newSaved(where, capacity);
    }
    hidden = new HiddenStates(where, layers.length, capacity.rows() * stack.width());
  }

  /** Returns the encoder's output, F32 [B * S, d]. */
  Matrix output() {
    return hidden.state(layers.length);
  }
}

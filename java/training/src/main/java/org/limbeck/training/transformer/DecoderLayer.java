// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;

/**
 * One executed decoder layer.
 *
 * @param <S> what a forward leaves for the backward
 */
interface DecoderLayer<S> {
  /** Uses of dropout in a layer, whatever its kind. */
  int DROPOUT_SITES = 3;

  /** Allocates what a forward leaves. */
  S newSaved(Compute where, Capacity capacity);

  /**
   * Computes the output.
   *
   * @param x F32 [B * T, d]
   * @param y F32 [B * T, d], written
   */
  void forward(Matrix x, Matrix y, DecoderPass p, S saved, Scratch scratch);

  /**
   * Computes the gradient by the input and adds those of the encoder's output and the parameters.
   *
   * @param x the input of the forward
   * @param gradient by the output on entry, by the input on return, F32 [B * T, d]
   * @param gradMemory by the encoder's output, F32 [B * S, width], added to
   */
  void backward(
      Matrix x, Matrix gradient, Matrix gradMemory, DecoderPass p, S saved, Scratch scratch);

  /** Allocates what decoding token by token remembers of this layer. */
  LayerCache newCache(DecodingState state);
}

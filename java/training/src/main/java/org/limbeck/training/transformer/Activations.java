// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Slot;

/**
 * The tensors of one pass of a {@link Transformer}: what losses compare, and what the backward
 * needs. Made by {@link Transformer#newActivations}, used for one batch after another.
 *
 * <p>Hidden states are X_0, the embeddings, to X_L, the output of the last executed layer.
 */
public final class Activations implements AutoCloseable {
  final EncoderActivations encoder;
  final List<? extends DecoderStack.Run<?>> decoder;
  final HiddenStates decoderStates;
  final Scratch scratch;
  final Capacity capacity;
  final Slot gradDecoded;
  final Slot gradMemory;
  private final HostMemory staging = new HostMemory();
  private final StagedVector mask;

  // Of the pass in progress.
  DecoderPass pass;

  Activations(
      Compute where,
      TransformerConfig config,
      EncoderActivations encoder,
      List<? extends DecoderStack.Run<?>> decoder,
      Capacity capacity,
      boolean backward) {
    this.encoder = encoder;
    this.decoder = decoder;
    this.capacity = capacity;
    long decoderElements = capacity.rows() * config.decoder().width();
    decoderStates = new HiddenStates(where, decoder.size(), decoderElements);
    scratch = Scratch.of(where.memory(), config, capacity, !backward);
    gradDecoded = new Slot(where.memory(), backward ? decoderElements : 0);
    gradMemory =
        new Slot(where.memory(), backward ? capacity.rows() * config.encoder().width() : 0);
    boolean compressed = config.decoderKind() == DecoderKind.COMPRESSED;
    mask =
        compressed
            ? new StagedVector(
                where.memory(), staging, DType.U8, capacity.rows() * 2 * capacity.length())
            : null;
  }

  /**
   * Returns a hidden state of the encoder, F32 [B * S, width].
   *
   * @param index the i of X_i, 0 to the number of executed layers
   */
  public Matrix encoderState(int index) {
    return encoder.hidden.state(index);
  }

  /**
   * Returns a hidden state of the decoder, F32 [B * T, width].
   *
   * @param index the i of X_i, 0 to the number of executed layers
   */
  public Matrix decoderState(int index) {
    return decoderStates.state(index);
  }

  /** Returns the decoder's output, from which logits are made, F32 [B * T, width]. */
  public Matrix decoded() {
    return decoderState(decoder.size());
  }

  /** Returns where losses write the gradient by the decoder's output, F32 [B * T, width]. */
  public Matrix gradDecoded() {
    Matrix decoded = decoded();
    return gradDecoded.view(decoded.rows(), decoded.cols());
  }

  /**
   * Returns where a loss writes its gradient by a hidden state of the encoder; the backward adds
   * it. Ask for it after the forward, once a pass.
   *
   * @param index the i of X_i
   */
  public Matrix injectEncoder(int index) {
    return encoder.hidden.inject(index);
  }

  /**
   * Returns where a loss writes its gradient by a hidden state of the decoder but the last, whose
   * place is {@link #gradDecoded}; the backward adds it. Ask for it after the forward, once a pass.
   *
   * @param index the i of X_i
   */
  public Matrix injectDecoder(int index) {
    return decoderStates.inject(index);
  }

  /** Returns which keys a compressed decoder sees, U8 [B * T, S + T]; null for another. */
  Matrix mask(SequenceBatch source, SequenceBatch target) {
    if (mask == null) {
      return null;
    }
    int keys = source.length() + target.length();
    long count = target.rows() * keys;
    for (long row = 0; row < target.rows(); row++) {
      int real = source.realLength((int) (row / target.length()));
      long position = row % target.length();
      for (int k = 0; k < keys; k++) {
        boolean seen = k < source.length() ? k < real : k - source.length() <= position;
        mask.host().setByte(0, row * keys + k, (byte) (seen ? 1 : 0));
      }
    }
    return mask.upload(count).reshape(target.rows(), keys);
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    staging.close();
  }
}

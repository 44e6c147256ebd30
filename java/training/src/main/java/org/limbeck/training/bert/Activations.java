// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;
import org.limbeck.training.nn.TokenBatch;

/**
 * The tensors of one pass of a {@link BertClassifier}: what losses compare, and what the backward
 * needs. Made by {@link BertClassifier#newActivations}, used for one batch after another.
 *
 * <p>Without a backward, all layers share memory: a tensor of layer l is valid until layer l + 1
 * runs.
 */
public final class Activations {
  final BertEmbeddings.Saved embeddings;
  final LayerActivations[] layers;
  final ClassificationHead.Saved head;
  final BackwardScratch scratch;
  private final Slot gradEmbedded;
  private boolean embeddedInjected;

  // Of the pass in progress.
  TokenBatch batch;
  Pass pass;

  Activations(
      Compute compute,
      BertConfig config,
      int labels,
      boolean quantized,
      int maxBatch,
      int maxLength,
      boolean backward) {
    long rows = (long) maxBatch * maxLength;
    embeddings = new BertEmbeddings.Saved(compute, config, rows);
    layers = new LayerActivations[config.layers()];
    for (int l = 0; l < layers.length; l++) {
      layers[l] =
          l > 0 && !backward
              ? layers[0]
              : new LayerActivations(compute, config, maxBatch, maxLength, quantized);
    }
    head = new ClassificationHead.Saved(compute, config, labels, maxBatch);
    scratch = backward ? new BackwardScratch(compute, config, maxBatch, maxLength) : null;
    gradEmbedded = backward ? new Slot(compute.memory(), rows * config.hidden()) : null;
  }

  /** Starts a pass. */
  void begin(TokenBatch newBatch, Pass newPass) {
    batch = newBatch;
    pass = newPass;
    embeddedInjected = false;
  }

  /** Returns the batch of the pass in progress. */
  public TokenBatch batch() {
    return batch;
  }

  /** Returns the logits Z, F32 [B, C], after the head ran. */
  public Matrix logits() {
    return head.logits();
  }

  /** Returns where a loss writes its gradient by the logits, F32 [B, C]. */
  public Matrix gradLogits() {
    return head.gradLogits();
  }

  /**
   * Returns a tensor.
   *
   * @param tap which one; shapes at {@link Tap}
   * @param index the layer l; for {@link Tap#HIDDEN} the i of X_i, 0 for the embeddings to L
   */
  public Matrix tensor(Tap tap, int index) {
    if (tap == Tap.HIDDEN) {
      return index == 0 ? embeddings.output() : layers[index - 1].tensor(tap);
    }
    return layers[index].tensor(tap);
  }

  /**
   * Returns the attention maps before dropout and quantization, F32 [B * H * S, S].
   *
   * @param layer the layer l
   */
  public Matrix maps(int layer) {
    return layers[layer].maps.view();
  }

  /**
   * Returns the values as the product with the maps sees them, F32 [B * S, D].
   *
   * @param layer the layer l
   * @param quantized whether the network quantizes activations
   */
  public Matrix values(int layer, boolean quantized) {
    return quantized ? layers[layer].valueQuantized.view() : layers[layer].value.view();
  }

  /**
   * Returns where a loss writes its gradient by a tensor, in the tensor's shape; the backward adds
   * it. The gradient by the scores takes the place of the scores. Ask for it after the layer ran,
   * once a pass.
   *
   * @param tap which tensor
   * @param index as in {@link #tensor}
   */
  public Matrix inject(Tap tap, int index) {
    if (tap == Tap.HIDDEN && index == 0) {
      embeddedInjected = true;
      Matrix x = embeddings.output();
      return gradEmbedded.view(x.rows(), x.cols());
    }
    return layers[tap == Tap.HIDDEN ? index - 1 : index].inject(tap);
  }

  /** Returns the gradient that a loss wrote by X_i, or null. */
  Matrix injectedHidden(int index) {
    if (index == 0) {
      return embeddedInjected ? gradEmbedded.view() : null;
    }
    return layers[index - 1].injected(Tap.HIDDEN);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.FakeQuant.Group;

/**
 * What of an encoder is quantized, and how; null stands for full precision.
 *
 * @param weight the weights of all linear layers of the encoder and of the pooler
 * @param wordEmbedding the word embedding table
 * @param activation the inputs of those linear layers, queries, keys, values and attention maps on
 *     their way into products
 */
public record Quantization(
    FakeQuant.Spec weight, FakeQuant.Spec wordEmbedding, FakeQuant.Spec activation) {
  /** The clip of weights and activations in TernaryBERT. */
  public static final float CLIP = 2.5f;

  /** Nothing is quantized. */
  public static final Quantization NONE = new Quantization(null, null, null);

  /**
   * Ternary weights by tensor, ternary word embeddings by row, symmetric activations of 8 bits by
   * tensor, all clipped at 2.5: the setting of TernaryBERT (arXiv 2009.12812) and of Kim et al.,
   * EMNLP 2022.
   */
  public static final Quantization TERNARY =
      new Quantization(
          FakeQuant.Spec.ternary(Group.TENSOR, CLIP),
          FakeQuant.Spec.ternary(Group.ROW, CLIP),
          FakeQuant.Spec.symmetric(8, Group.TENSOR, CLIP));

  /** Returns whether anything is quantized. */
  public boolean isActive() {
    return weight != null || wordEmbedding != null || activation != null;
  }
}

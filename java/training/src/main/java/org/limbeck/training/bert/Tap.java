// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

/**
 * The tensors inside an encoder that losses compare between student and teacher (Kim et al., EMNLP
 * 2022), and whose gradients they hand to the backward.
 */
public enum Tap {
  /** X_l: the input of layer l, F32 [B * S, D]; X_L is the encoder's output. */
  HIDDEN,
  /** A_l: attention scores after scale and mask, before the softmax, F32 [B * H * S, S]. */
  SCORES,
  /** C_l: the context, maps times values, heads side by side, F32 [B * S, D]. */
  CONTEXT,
  /** O_l: the output of the attention's linear layer, before dropout and residual, [B * S, D]. */
  SELF_OUTPUT,
  /** Y_l: the attention output after residual and layer normalisation, F32 [B * S, D]. */
  ATTENTION_OUTPUT
}

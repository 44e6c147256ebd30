// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

/** The terms of the losses of Kim et al., EMNLP 2022, arXiv 2211.11014. */
public enum LossTerm {
  /** Soft cross entropy of the logits; their mean squared difference in regression. */
  PREDICTION,
  /** Mean squared difference of the hidden states X_i. */
  HIDDEN,
  /** Mean squared difference of attention scores: TernaryBERT's loss. */
  SCORE,
  /** KL divergence of attention maps. */
  MAP,
  /** Mean squared difference of attention outputs Y_l. */
  OUTPUT,
  /** Mean squared difference of contexts C_l. */
  CONTEXT,
  /** Mean squared difference of the outputs O_l of the attention's linear layer. */
  SELF_OUTPUT
}

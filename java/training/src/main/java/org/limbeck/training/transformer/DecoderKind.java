// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.transformer;

/** What a decoder layer consists of. */
public enum DecoderKind {
  /** Self-attention, cross-attention and feed-forward, each with residual and post-norm. */
  STANDARD,
  /**
   * One sub-layer that attends to encoder and prefix at once and holds the feed-forward too: the
   * compressed attention network, pre-norm (arXiv 2101.00542).
   */
  COMPRESSED
}

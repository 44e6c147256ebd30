// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

/**
 * libtorch's step of a translation model. Setting {@code fused} takes libtorch's own operators for
 * attention and AdamW instead of those they consist of.
 */
public final class TorchTranslationPeer extends TorchStepPeer<TranslationProblem> {
  /** For ServiceLoader. */
  public TorchTranslationPeer() {}

  @Override
  public Class<TranslationProblem> problem() {
    return TranslationProblem.class;
  }

  @Override
  TrainingStep open(TranslationProblem problem, boolean fused) {
    return new TorchTranslationStep(problem, fused);
  }
}

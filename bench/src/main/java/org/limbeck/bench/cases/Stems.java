// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import java.util.Optional;

/** The stems that can be measured. A new one is a class here and a file of shapes. */
public final class Stems {
  /** All of them, those that carry the project first. */
  public static final List<StemCases> ALL =
      List.of(
          GemmCases.f32(),
          GemmCases.bf16(),
          new GemmI8Cases(),
          new GemmTernaryCases(),
          new SoftmaxKlCases(),
          new AttentionKlCases(),
          new FakeQuantCases(),
          new PetWarmupCases(),
          RowLossCases.mse(),
          RowLossCases.cosine(),
          new AttentionCases(),
          ActivationCases.softmax(),
          new LayerNormCases(),
          ActivationCases.gelu(),
          ActivationCases.relu(),
          ActivationCases.tanh(),
          new EmbeddingCases(),
          new DropoutCases(),
          OptimizerCases.adamw(),
          OptimizerCases.bertAdam(),
          new EncoderCases());

  private Stems() {}

  /** Returns the stem of a name. */
  public static Optional<StemCases> find(String stem) {
    return ALL.stream().filter(s -> s.stem().equals(stem)).findFirst();
  }
}

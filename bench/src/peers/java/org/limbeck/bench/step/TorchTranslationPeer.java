// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;

/**
 * libtorch's step of a translation model. Setting {@code fused} takes libtorch's own operators for
 * attention and AdamW instead of those they consist of.
 */
public final class TorchTranslationPeer implements StepPeer<TranslationProblem> {
  /** For ServiceLoader. */
  public TorchTranslationPeer() {}

  @Override
  public Class<TranslationProblem> problem() {
    return TranslationProblem.class;
  }

  @Override
  public String name() {
    return TorchEnvironment.NAME;
  }

  @Override
  public List<String> settings() {
    return TorchEnvironment.SETTINGS;
  }

  @Override
  public Map<String, String> environment(String setting, int threads) {
    return TorchEnvironment.of(setting, threads);
  }

  @Override
  public TrainingStep open(TranslationProblem problem, String setting, int threads) {
    torch.set_num_threads(threads);
    return new TorchTranslationStep(problem, setting.equals(TorchEnvironment.FUSED));
  }
}

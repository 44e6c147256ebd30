// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;

/**
 * libtorch's step of QAT-KD. Setting {@code fused} takes libtorch's own operator for fake-quantized
 * activations instead of the detach trick.
 */
public final class TorchQatKdPeer implements StepPeer<QatKdProblem> {
  /** For ServiceLoader. */
  public TorchQatKdPeer() {}

  @Override
  public Class<QatKdProblem> problem() {
    return QatKdProblem.class;
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
  public TrainingStep open(QatKdProblem problem, String setting, int threads) {
    torch.set_num_threads(threads);
    return new TorchQatKdStep(
        problem,
        setting.equals(TorchEnvironment.FUSED)
            ? new FusedTorchQuantizer()
            : new StraightThroughTorchQuantizer());
  }
}

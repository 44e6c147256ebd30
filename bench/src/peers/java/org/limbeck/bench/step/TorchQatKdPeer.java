// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

/**
 * libtorch's step of QAT-KD. Setting {@code fused} takes libtorch's own operator for fake-quantized
 * activations instead of the detach trick.
 */
public final class TorchQatKdPeer extends TorchStepPeer<QatKdProblem> {
  /** For ServiceLoader. */
  public TorchQatKdPeer() {}

  @Override
  public Class<QatKdProblem> problem() {
    return QatKdProblem.class;
  }

  @Override
  TrainingStep open(QatKdProblem problem, boolean fused) {
    return new TorchQatKdStep(
        problem, fused ? new FusedTorchQuantizer() : new StraightThroughTorchQuantizer());
  }
}

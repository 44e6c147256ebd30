// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.number;

import org.bytedeco.pytorch.Tensor;

/** The straight-through estimator as most programs write it: x + (q(x) - x).detach(). */
final class StraightThroughTorchQuantizer implements TorchQuantizer {
  @Override
  public Tensor activation(Tensor x) {
    return Torch.keep(
        () -> {
          Tensor clipped = TorchQuantizer.clip(x);
          Tensor value = clipped.detach();
          Tensor scale = value.abs().max().reciprocal_().mul_(number(LEVELS));
          return clipped.add(value.mul(scale).round_().div_(scale).sub_(value));
        });
  }
}

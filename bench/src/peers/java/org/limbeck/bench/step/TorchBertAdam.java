// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.number;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.limbeck.kernels.op.BertAdam;

/**
 * Stem {@code bert_adam} with its defaults, in libtorch's operators that write in place: Adam
 * without bias correction, the norm of each gradient clipped by itself. Clips the gradients in
 * place.
 */
final class TorchBertAdam extends TorchAdam {
  private static final BertAdam.Spec SPEC = BertAdam.Spec.DEFAULT;
  private static final double NORM_GUARD = 1e-6;

  private final double learningRate;

  TorchBertAdam(Map<String, Tensor> parameters, double learningRate) {
    super(parameters);
    this.learningRate = learningRate;
  }

  @Override
  void update(State s, Tensor gradient) {
    double clip = SPEC.maxNorm() / (gradient.norm().item_double() + NORM_GUARD);
    if (clip < 1) {
      gradient.mul_(number(clip));
    }
    s.first().mul_(number(SPEC.beta1())).add_(gradient, number(1 - SPEC.beta1()));
    s.second().mul_(number(SPEC.beta2())).addcmul_(gradient, gradient, number(1 - SPEC.beta2()));
    if (!s.name().contains("bias") && !s.name().contains("LayerNorm")) {
      s.value().mul_(number(1 - learningRate * SPEC.weightDecay()));
    }
    Tensor root = s.second().sqrt().add_(number(SPEC.epsilon()));
    s.value().addcdiv_(s.first(), root, number(-learningRate));
  }
}

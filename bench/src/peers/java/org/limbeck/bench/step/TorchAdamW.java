// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.number;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.limbeck.kernels.op.AdamW;

/** Stem {@code adamw} in libtorch's operators that write in place, as its own optimizer in C++. */
class TorchAdamW extends TorchAdam {
  final AdamW.Spec spec;
  final double learningRate;
  private long steps;

  TorchAdamW(Map<String, Tensor> parameters, AdamW.Spec spec, double learningRate) {
    super(parameters);
    this.spec = spec;
    this.learningRate = learningRate;
  }

  @Override
  final void step() {
    steps++;
    super.step();
  }

  /** Returns the number of the step in progress, from 1. */
  final long steps() {
    return steps;
  }

  @Override
  void update(State s, Tensor gradient) {
    s.value().mul_(number(1 - learningRate * spec.weightDecay()));
    s.first().lerp_(gradient, number(1 - spec.beta1()));
    s.second().mul_(number(spec.beta2())).addcmul_(gradient, gradient, number(1 - spec.beta2()));
    double first = 1 - Math.pow(spec.beta1(), steps);
    double second = Math.sqrt(1 - Math.pow(spec.beta2(), steps));
    Tensor root = s.second().sqrt().div_(number(second)).add_(number(spec.epsilon()));
    s.value().addcdiv_(s.first(), root, number(-learningRate / first));
  }
}

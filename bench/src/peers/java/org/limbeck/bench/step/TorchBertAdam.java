// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.number;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.kernels.op.BertAdam;

/**
 * Stem {@code bert_adam} with its defaults, in libtorch's operators that write in place: Adam
 * without bias correction, the norm of each gradient clipped by itself. Clips the gradients in
 * place.
 */
final class TorchBertAdam {
  private static final BertAdam.Spec SPEC = BertAdam.Spec.DEFAULT;
  private static final double NORM_GUARD = 1e-6;

  private record State(
      Tensor parameter, Tensor value, Tensor first, Tensor second, boolean decayed) {}

  private final double learningRate;
  private final List<State> states = new ArrayList<>();

  TorchBertAdam(Map<String, Tensor> parameters, double learningRate) {
    this.learningRate = learningRate;
    parameters.forEach(
        (name, parameter) ->
            states.add(
                new State(
                    parameter,
                    parameter.detach(),
                    torch.zeros_like(parameter),
                    torch.zeros_like(parameter),
                    !name.contains("bias") && !name.contains("LayerNorm"))));
  }

  void step() {
    Torch.withoutGradient(() -> states.forEach(this::update));
  }

  private void update(State s) {
    try (PointerScope scope = new PointerScope()) {
      Tensor gradient = s.parameter.grad();
      double clip = SPEC.maxNorm() / (gradient.norm().item_double() + NORM_GUARD);
      if (clip < 1) {
        gradient.mul_(number(clip));
      }
      s.first.mul_(number(SPEC.beta1())).add_(gradient, number(1 - SPEC.beta1()));
      s.second.mul_(number(SPEC.beta2())).addcmul_(gradient, gradient, number(1 - SPEC.beta2()));
      if (s.decayed) {
        s.value.mul_(number(1 - learningRate * SPEC.weightDecay()));
      }
      Tensor root = s.second.sqrt().add_(number(SPEC.epsilon()));
      s.value.addcdiv_(s.first, root, number(-learningRate));
    }
  }

  /** Forgets the gradients; the next backward makes new ones. */
  void forgetGradients() {
    for (State state : states) {
      state.parameter.mutable_grad().reset();
    }
  }
}

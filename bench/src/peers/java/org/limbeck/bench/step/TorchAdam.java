// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** An optimizer with two moments of each parameter. */
abstract class TorchAdam {
  /**
   * What belongs to a parameter.
   *
   * @param name its name
   * @param parameter itself, with its gradient
   * @param value its values, without a graph
   * @param first its first moment
   * @param second its second moment
   */
  record State(String name, Tensor parameter, Tensor value, Tensor first, Tensor second) {}

  private final List<State> states = new ArrayList<>();

  TorchAdam(Map<String, Tensor> parameters) {
    parameters.forEach(
        (name, parameter) ->
            states.add(
                new State(
                    name,
                    parameter,
                    parameter.detach(),
                    torch.zeros_like(parameter),
                    torch.zeros_like(parameter))));
  }

  /** Updates all parameters. */
  void step() {
    Torch.withoutGradient(
        () -> {
          for (State state : states) {
            try (PointerScope scope = new PointerScope()) {
              update(state, state.parameter().grad());
            }
          }
        });
  }

  /** Updates a parameter. */
  abstract void update(State s, Tensor gradient);

  /** Forgets the gradients; the next backward makes new ones. */
  final void forgetGradients() {
    for (State state : states) {
      state.parameter().mutable_grad().reset();
    }
  }
}

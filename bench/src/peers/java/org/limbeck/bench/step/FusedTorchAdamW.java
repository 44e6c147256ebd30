// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.number;

import java.util.Locale;
import java.util.Map;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.kernels.op.AdamW;

/**
 * Stem {@code adamw} in libtorch's operator that reads and writes each element once. The bindings
 * have no method for it, so it is called from a function in its script language. The function
 * returns what it changed: of a list that is not returned, the call would be taken for dead code.
 */
final class FusedTorchAdamW extends TorchAdamW {
  private static final String NAME = "update";

  private final CompilationUnit unit;
  private final Function function;

  FusedTorchAdamW(Map<String, Tensor> parameters, AdamW.Spec spec, double learningRate) {
    super(parameters, spec, learningRate);
    unit =
        torch.compile(
            String.format(
                Locale.ROOT,
                """
                def %s(p: Tensor, g: Tensor, m: Tensor, v: Tensor, t: Tensor):
                    none: List[Tensor] = []
                    values = [p]
                    torch._fused_adamw_(values, [g], [m], [v], none, [t], lr=%s, beta1=%s, beta2=%s,
                        weight_decay=%s, eps=%s, amsgrad=False, maximize=False)
                    return values
                """,
                NAME,
                learningRate,
                spec.beta1(),
                spec.beta2(),
                spec.weightDecay(),
                spec.epsilon()));
    function = unit.get_function(new QualifiedName(NAME));
  }

  @Override
  void update(State s, Tensor gradient) {
    IValueVector arguments =
        new IValueVector(
            new IValue(s.value()),
            new IValue(gradient),
            new IValue(s.first()),
            new IValue(s.second()),
            new IValue(torch.scalar_tensor(number(steps()))));
    function.apply(arguments);
  }
}

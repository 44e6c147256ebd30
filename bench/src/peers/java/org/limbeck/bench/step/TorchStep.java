// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** A step in libtorch's operators, the backward by autograd. */
abstract class TorchStep implements TrainingStep {
  private static final long SEED = 1;

  // Holds what lives as long as this object.
  private final PointerScope scope = new PointerScope();
  private Map<String, Tensor> trained;
  private TorchAdam optimizer;

  TorchStep() {
    torch.manual_seed(SEED);
  }

  /** Says what is trained, in the constructor of a subclass. */
  final void train(Map<String, Tensor> parameters, TorchAdam with) {
    trained = parameters;
    optimizer = with;
  }

  /** Copies values into libtorch's own memory, aligned as it likes it. */
  static Map<String, Tensor> tensors(
      Map<String, StepProblem.Values> parameters, boolean haveGradients) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    parameters.forEach(
        (name, values) -> {
          long[] shape =
              StepProblem.isVector(name)
                  ? new long[] {values.cols()}
                  : new long[] {values.rows(), values.cols()};
          Tensor tensor = Tensor.create(values.elements(), shape).clone();
          tensors.put(name, tensor.set_requires_grad(haveGradients));
        });
    return tensors;
  }

  /** Runs the networks forward and returns the loss. */
  abstract Tensor loss(double dropout);

  @Override
  public final double gradients(double dropout) {
    try (PointerScope step = new PointerScope()) {
      optimizer.forgetGradients();
      Tensor loss = loss(dropout);
      loss.backward();
      return loss.item_double();
    }
  }

  @Override
  public final void update() {
    optimizer.step();
  }

  @Override
  public final float[] gradient(String parameter) {
    try (PointerScope reading = new PointerScope()) {
      Tensor tensor = trained.get(parameter);
      return Torch.elements(tensor.grad(), Math.toIntExact(tensor.numel()));
    }
  }

  @Override
  public final float[] value(String parameter) {
    try (PointerScope reading = new PointerScope()) {
      Tensor tensor = trained.get(parameter);
      return Torch.elements(tensor, Math.toIntExact(tensor.numel()));
    }
  }

  @Override
  public final String codePath() {
    return TorchCodePath.describe();
  }

  @Override
  public final void close() {
    scope.close();
  }
}

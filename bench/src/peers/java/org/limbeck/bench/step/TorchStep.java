// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** A step in libtorch's operators, the backward by autograd. */
final class TorchStep implements TrainingStep {
  private static final long SEED = 1;

  // Holds what lives as long as this object.
  private final PointerScope scope = new PointerScope();
  private final StepProblem problem;
  private final TorchBatch batch;
  private final TorchEncoder teacher;
  private final TorchEncoder student;
  private final TorchBertAdam optimizer;

  TorchStep(StepProblem problem, TorchQuantizer quantizer) {
    this.problem = problem;
    torch.manual_seed(SEED);
    batch = TorchBatch.of(problem);
    teacher = new TorchEncoder(problem, null, false);
    student = new TorchEncoder(problem, quantizer, true);
    optimizer = new TorchBertAdam(student.parameters(), problem.learningRate());
  }

  @Override
  public double gradients(double dropout) {
    try (PointerScope step = new PointerScope()) {
      optimizer.forgetGradients();
      TorchActivations[] target = new TorchActivations[1];
      Torch.withoutGradient(() -> target[0] = teacher.forward(batch, 0));
      TorchActivations trained = student.forward(batch, dropout);
      Tensor loss = TorchLosses.sum(problem.losses(), batch, trained, target[0]);
      loss.backward();
      return loss.item_double();
    }
  }

  @Override
  public void update() {
    optimizer.step();
  }

  @Override
  public float[] gradient(String parameter) {
    try (PointerScope reading = new PointerScope()) {
      return Torch.elements(student.parameters().get(parameter).grad(), count(parameter));
    }
  }

  @Override
  public float[] value(String parameter) {
    try (PointerScope reading = new PointerScope()) {
      return Torch.elements(student.parameters().get(parameter), count(parameter));
    }
  }

  private int count(String parameter) {
    return problem.parameters().get(parameter).elements().length;
  }

  @Override
  public String codePath() {
    return TorchCodePath.describe();
  }

  @Override
  public void close() {
    scope.close();
  }
}

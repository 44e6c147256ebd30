// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import org.bytedeco.pytorch.Tensor;

/** A step of QAT-KD. */
final class TorchQatKdStep extends TorchStep {
  private final QatKdProblem problem;
  private final TorchBatch batch;
  private final TorchEncoder teacher;
  private final TorchEncoder student;

  TorchQatKdStep(QatKdProblem problem, TorchQuantizer quantizer) {
    this.problem = problem;
    batch = TorchBatch.of(problem);
    teacher = new TorchEncoder(problem, null, false);
    student = new TorchEncoder(problem, quantizer, true);
    train(student.parameters(), new TorchBertAdam(student.parameters(), problem.learningRate()));
  }

  @Override
  Tensor loss(double dropout) {
    TorchActivations[] target = new TorchActivations[1];
    Torch.withoutGradient(() -> target[0] = teacher.forward(batch, 0));
    TorchActivations trained = student.forward(batch, dropout);
    return TorchLosses.sum(problem.losses(), batch, trained, target[0]);
  }
}

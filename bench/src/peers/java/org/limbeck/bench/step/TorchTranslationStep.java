// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import org.bytedeco.pytorch.Tensor;

/** A step of a translation model. */
final class TorchTranslationStep extends TorchStep {
  private final TorchTranslationBatch batch;
  private final TorchTransformer student;
  private final TorchTransformer teacher;
  private final TorchTranslationLosses losses;

  /**
   * Makes models.
   *
   * @param problem what is computed on
   * @param fused whether operators that do the work of several are taken
   */
  TorchTranslationStep(TranslationProblem problem, boolean fused) {
    batch = TorchTranslationBatch.of(problem);
    student =
        new TorchTransformer(problem.config(), tensors(problem.parameters(), true), batch, fused);
    teacher =
        problem.teacher() == null
            ? null
            : new TorchTransformer(
                problem.teacher(), tensors(problem.teacherParameters(), false), batch, fused);
    losses = new TorchTranslationLosses(problem.losses(), batch);
    train(
        student.parameters(),
        fused
            ? new FusedTorchAdamW(student.parameters(), problem.adam(), problem.learningRate())
            : new TorchAdamW(student.parameters(), problem.adam(), problem.learningRate()));
  }

  @Override
  Tensor loss(double dropout) {
    TorchTransformer.Pass[] target = new TorchTransformer.Pass[1];
    if (teacher != null) {
      Torch.withoutGradient(() -> target[0] = teacher.forward(0));
    }
    return losses.sum(student.forward(dropout), target[0]);
  }
}

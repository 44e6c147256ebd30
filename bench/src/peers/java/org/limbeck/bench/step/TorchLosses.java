// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.keep;
import static org.limbeck.bench.step.Torch.number;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.training.distill.LossConfiguration;
import org.limbeck.training.distill.LossTerm;

/** The losses between student and teacher in libtorch's operators. */
final class TorchLosses {
  private static final double MASKED_SCORES = -100;
  private static final double CLAMP = 1e-8;

  private final LossConfiguration losses;
  private final TorchBatch batch;
  private Tensor total;

  private TorchLosses(LossConfiguration losses, TorchBatch batch) {
    this.losses = losses;
    this.batch = batch;
  }

  /**
   * Returns the sum of all terms.
   *
   * @param student with gradients
   * @param teacher without
   */
  static Tensor sum(
      LossConfiguration losses,
      TorchBatch batch,
      TorchActivations student,
      TorchActivations teacher) {
    return new TorchLosses(losses, batch).sum(student, teacher);
  }

  private Tensor sum(TorchActivations student, TorchActivations teacher) {
    total =
        keep(
            () ->
                teacher
                    .logits
                    .softmax(1)
                    .mul(student.logits.log_softmax(1))
                    .sum()
                    .mul(number(-1.0 / batch.size())));
    for (int i = 0; i < student.hidden.size(); i++) {
      if (losses.comparesHidden(i)) {
        total = total.add(torch.mse_loss(student.hidden.get(i), teacher.hidden.get(i)));
      }
    }
    addMeanSquares(LossTerm.OUTPUT, student.outputs, teacher.outputs);
    addMeanSquares(LossTerm.CONTEXT, student.contexts, teacher.contexts);
    addMeanSquares(LossTerm.SELF_OUTPUT, student.selfOutputs, teacher.selfOutputs);
    for (int l = 0; l < student.scores.size(); l++) {
      if (losses.has(LossTerm.SCORE)) {
        Tensor s = student.scores.get(l);
        Tensor t = teacher.scores.get(l);
        add(LossTerm.SCORE, keep(() -> torch.mse_loss(unmasked(s), unmasked(t))));
      }
      if (losses.has(LossTerm.MAP)) {
        Tensor s = probabilities(student, l);
        Tensor t = probabilities(teacher, l);
        add(LossTerm.MAP, keep(() -> divergence(s, t)));
      }
    }
    return total;
  }

  private void addMeanSquares(LossTerm term, List<Tensor> student, List<Tensor> teacher) {
    for (int l = 0; losses.has(term) && l < student.size(); l++) {
      add(term, torch.mse_loss(student.get(l), teacher.get(l)));
    }
  }

  private void add(LossTerm term, Tensor value) {
    total = total.add(value, number(losses.coefficient(term)));
  }

  private static Tensor unmasked(Tensor scores) {
    return scores.masked_fill(scores.le(number(MASKED_SCORES)), number(0));
  }

  private Tensor probabilities(TorchActivations a, int layer) {
    double t = losses.temperature();
    return keep(
        () ->
            (t == 1 ? a.maps.get(layer) : a.scores.get(layer).div(number(t)).softmax(3))
                .clamp_min(number(CLAMP)));
  }

  private Tensor divergence(Tensor student, Tensor teacher) {
    Tensor terms = teacher.log().sub(student.log()).mul(teacher).mul(batch.pairWeights());
    double t = losses.temperature();
    return losses.tauSquared() ? terms.sum().mul(number(t * t)) : terms.sum();
  }
}

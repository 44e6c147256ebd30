// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import static org.limbeck.bench.step.Torch.keep;
import static org.limbeck.bench.step.Torch.number;

import java.util.List;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.limbeck.training.distill.PatienceMapping;
import org.limbeck.training.distill.TranslationLosses;
import org.limbeck.training.transformer.SpecialTokens;

/** The losses of a translation model in libtorch's operators. */
final class TorchTranslationLosses {
  /** Reductions of libtorch's losses. */
  private static final long NONE = 0;

  private static final long MEAN = 1;

  private final TranslationLosses losses;
  private final TorchTranslationBatch batch;

  TorchTranslationLosses(TranslationLosses losses, TorchTranslationBatch batch) {
    this.losses = losses;
    this.batch = batch;
  }

  /**
   * Returns the sum of all terms.
   *
   * @param student with gradients
   * @param teacher without, or null where the losses need none
   */
  Tensor sum(TorchTransformer.Pass student, TorchTransformer.Pass teacher) {
    Tensor total = keep(() -> crossEntropy(student.logits()).mul(number(1 - losses.alpha())));
    if (losses.alpha() > 0) {
      Tensor hard = total;
      total = keep(() -> hard.add(divergence(student.logits(), teacher.logits())));
    }
    if (losses.beta() > 0) {
      total =
          total
              .add(patience(student.encoder(), teacher.encoder(), batch.source()))
              .add(patience(student.decoder(), teacher.decoder(), batch.target()));
    }
    return total;
  }

  private Tensor crossEntropy(Tensor logits) {
    double vocabulary = logits.size(1);
    // libtorch spreads e / V over all tokens; the recipe e / (V - 1).
    double smoothing = losses.labelSmoothing() * vocabulary / (vocabulary - 1);
    return torch.cross_entropy_loss(
        logits, batch.gold(), new TensorOptional(), MEAN, SpecialTokens.PAD, smoothing);
  }

  private Tensor divergence(Tensor student, Tensor teacher) {
    double t = losses.temperature();
    Tensor wanted = teacher.div(number(t)).log_softmax(1);
    Tensor found = student.div(number(t)).log_softmax(1);
    return torch
        .kl_div(found, wanted, NONE, true)
        .sum(1)
        .dot(batch.target().weights())
        .mul(number(losses.alpha() * t * t / batch.target().real()));
  }

  private Tensor patience(
      List<Tensor> student, List<Tensor> teacher, TorchTranslationBatch.Side side) {
    List<PatienceMapping.Pair> pairs =
        losses.mapping().pairs(student.size() - 1, teacher.size() - 1);
    Tensor total = null;
    for (PatienceMapping.Pair pair : pairs) {
      Tensor term =
          keep(
              () ->
                  normalised(student.get(pair.student()))
                      .sub(normalised(teacher.get(pair.teacher())))
                      .square()
                      .sum(2)
                      .view(-1)
                      .dot(side.weights()));
      total = total == null ? term : total.add(term);
    }
    double elements = (double) side.real() * student.get(0).size(2) * pairs.size();
    // The mean of both sides.
    return total.mul(number(losses.beta() / 2 / elements));
  }

  private static Tensor normalised(Tensor rows) {
    return rows.div(rows.norm(new ScalarOptional(number(2)), new long[] {2}, true));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.Objects;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.transformer.Activations;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.SpecialTokens;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TranslationBatch;

/** Measures how well a translation model predicts gold tokens, without dropout or smoothing. */
public final class TranslationEvaluation implements AutoCloseable {
  private static final SoftmaxKl.Spec CROSS_ENTROPY =
      SoftmaxKl.Spec.builder().hardWeight(1).softWeight(0).ignoreIndex(SpecialTokens.PAD).build();

  private final Compute compute;
  private final Transformer model;
  private final Activations activations;
  private final OutputLoss output;

  /**
   * Allocates what a pass needs.
   *
   * @param compute operations and memory
   * @param model the model
   * @param capacity the largest batch
   */
  public TranslationEvaluation(Compute compute, Transformer model, Capacity capacity) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.model = Objects.requireNonNull(model, "model");
    activations = model.newActivations(compute, capacity, false);
    output = new OutputLoss(compute, model, capacity);
  }

  /**
   * Returns the negative log likelihood of the gold tokens of a batch, summed, in nats; divided by
   * {@link TranslationBatch#predicted} over all batches it is the loss of a corpus.
   *
   * @param batch the batch
   */
  public double negativeLogLikelihood(TranslationBatch batch) {
    model.forward(batch, activations, Pass.EVALUATION);
    output.apply(
        activations,
        (logits, from, to, loss) -> {
          compute
              .operation(SoftmaxKl.OP, CROSS_ENTROPY)
              .run(
                  SoftmaxKl.Arguments.of(logits, logits)
                      .labels(batch.gold().columns(from, to))
                      .loss(loss)
                      .build());
          return null;
        });
    return output.read();
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    activations.close();
    output.close();
  }
}

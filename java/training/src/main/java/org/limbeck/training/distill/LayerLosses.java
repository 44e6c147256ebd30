// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.EnumMap;
import java.util.Map;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Mse;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.training.bert.Activations;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Tap;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.TokenBatch;

/**
 * The losses between a student and its teacher, computed where their layers stand side by side.
 * Each writes its gradient into the student's {@link Activations}.
 *
 * <p>All inner means divide by the full count of elements, padding included, but for the map loss,
 * which is a mean over real query rows; terms are summed over the layers.
 *
 * <p>Source: Kim et al., EMNLP 2022, arXiv 2211.11014; the score loss: Zhang et al., arXiv
 * 2009.12812.
 */
final class LayerLosses {
  /** Scores at or below it are masked ones. */
  private static final float MASKED_SCORES = -100f;

  /** The smallest probability in the map loss's logarithms. */
  private static final double CLAMP = 1e-8;

  private final Compute compute;
  private final LossConfiguration losses;
  private final BertConfig config;
  private final Matrix device;
  private final Matrix host;

  /**
   * Allocates the losses of a step.
   *
   * @param host where they are read, closed by the caller
   */
  LayerLosses(Compute compute, LossConfiguration losses, BertConfig config, HostMemory host) {
    this.compute = compute;
    this.losses = losses;
    this.config = config;
    int count = LossTerm.values().length * (config.layers() + 1);
    this.device = compute.memory().vector(DType.F64, count);
    this.host = host.vector(DType.F64, count);
  }

  private Matrix value(LossTerm term, int index) {
    long at = (long) term.ordinal() * (config.layers() + 1) + index;
    return device.columns(at, at + 1);
  }

  /** Starts a step. */
  void begin() {
    compute.memory().zero(device);
  }

  /** Compares X_i. */
  void hidden(int index, Activations student, Activations teacher) {
    if (losses.comparesHidden(index)) {
      meanSquares(LossTerm.HIDDEN, Tap.HIDDEN, index, student, teacher);
    }
  }

  /** Compares what a layer computed, its output included. */
  void layer(int l, Activations student, Activations teacher) {
    if (losses.has(LossTerm.SCORE)) {
      meanSquares(LossTerm.SCORE, Tap.SCORES, l, student, teacher);
    }
    if (losses.has(LossTerm.MAP)) {
      maps(l, student, teacher);
    }
    if (losses.has(LossTerm.OUTPUT)) {
      meanSquares(LossTerm.OUTPUT, Tap.ATTENTION_OUTPUT, l, student, teacher);
    }
    if (losses.has(LossTerm.CONTEXT)) {
      meanSquares(LossTerm.CONTEXT, Tap.CONTEXT, l, student, teacher);
    }
    if (losses.has(LossTerm.SELF_OUTPUT)) {
      meanSquares(LossTerm.SELF_OUTPUT, Tap.SELF_OUTPUT, l, student, teacher);
    }
    hidden(l + 1, student, teacher);
  }

  private void meanSquares(
      LossTerm term, Tap tap, int index, Activations student, Activations teacher) {
    Matrix s = student.tensor(tap, index);
    // The mean over the rows, times the coefficient.
    Normaliser normaliser = Normaliser.of(s.rows() / losses.coefficient(term));
    Mse.Spec spec =
        new Mse.Spec(normaliser, tap == Tap.SCORES ? MASKED_SCORES : Float.NEGATIVE_INFINITY);
    compute
        .operation(Mse.OP, spec)
        .run(
            new RowLoss.Arguments(
                s,
                teacher.tensor(tap, index),
                null,
                student.inject(tap, index),
                null,
                value(term, index)));
  }

  private void maps(int l, Activations student, Activations teacher) {
    TokenBatch batch = student.batch();
    AttentionKl.Spec spec =
        new AttentionKl.Spec(
            losses.temperature(),
            losses.coefficient(LossTerm.MAP),
            CLAMP,
            false,
            losses.tauSquared());
    compute
        .operation(AttentionKl.OP, spec)
        .run(
            new AttentionKl.Arguments(
                new AttentionShape(batch.batch(), config.heads(), batch.length(), batch.length()),
                student.tensor(Tap.SCORES, l),
                teacher.tensor(Tap.SCORES, l),
                batch.lengths(),
                null,
                student.inject(Tap.SCORES, l),
                value(LossTerm.MAP, l)));
  }

  /** Compares the logits. */
  void prediction(Activations student, Activations teacher) {
    Matrix s = student.logits();
    Matrix t = teacher.logits();
    Matrix loss = value(LossTerm.PREDICTION, 0);
    if (s.cols() == 1) {
      compute
          .operation(Mse.OP, Mse.Spec.of(Normaliser.MEAN_ROWS))
          .run(new RowLoss.Arguments(s, t, null, student.gradLogits(), null, loss));
      return;
    }
    SoftmaxKl.Spec spec =
        SoftmaxKl.Spec.builder()
            .mode(SoftmaxKl.Mode.SOFT_CE)
            .normaliser(Normaliser.MEAN_ROWS)
            .build();
    compute
        .operation(SoftmaxKl.OP, spec)
        .run(SoftmaxKl.Arguments.of(s, t).gradStudent(student.gradLogits()).loss(loss).build());
  }

  /** Reads the losses of the step, the one time that it waits for the device. */
  LossValues read() {
    compute.memory().download(device, host);
    Map<LossTerm, Double> terms = new EnumMap<>(LossTerm.class);
    for (LossTerm term : LossTerm.values()) {
      if (losses.has(term)) {
        double sum = 0;
        for (int i = 0; i <= config.layers(); i++) {
          sum += host.getDouble(0, (long) term.ordinal() * (config.layers() + 1) + i);
        }
        terms.put(term, sum);
      }
    }
    return new LossValues(terms);
  }
}

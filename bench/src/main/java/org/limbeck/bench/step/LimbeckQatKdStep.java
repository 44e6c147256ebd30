// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.Arrays;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.kernels.random.NormalVariates;
import org.limbeck.kernels.random.Philox;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.BertConfig;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.distill.Distillation;
import org.limbeck.training.distill.LossConfiguration;
import org.limbeck.training.nn.Parameter;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Tensors;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;

/**
 * Limbeck's step of QAT-KD, on random weights and tokens without padding; the student starts from
 * its teacher's weights. On a device the loss is all that a step waits for: its update runs while
 * the next one begins.
 */
public final class LimbeckQatKdStep extends LimbeckStep<QatKdProblem> {
  private static final int LABELS = 2;
  private static final double DEVIATION = 0.02;
  private static final double LEARNING_RATE = 2e-5;
  private static final long WEIGHT_SEED = 1;
  private static final long TOKEN_SEED = 2;

  private final LossConfiguration losses;
  private final BertClassifier student;
  private final Optimizer optimizer;
  private final Distillation distillation;
  private final long[] tokens;
  private final int[] lengths;
  private final TokenBatch batch;
  private long steps;

  /**
   * Makes networks and a batch.
   *
   * @param limbeck where operations come from; closed with this object
   * @param precision that of layers' products
   * @param config the sizes of both networks
   * @param losses what is compared
   * @param sequences the size of the batch
   * @param length the length of its sequences
   * @throws IllegalArgumentException if sizes and losses do not go together
   */
  public LimbeckQatKdStep(
      Limbeck limbeck,
      GemmF32.Precision precision,
      BertConfig config,
      LossConfiguration losses,
      int sequences,
      int length) {
    super(limbeck, precision);
    this.losses = losses;
    try {
      BertClassifier teacher = new BertClassifier(compute, config, LABELS, Quantization.NONE);
      student = new BertClassifier(compute, config, LABELS, Quantization.TERNARY);
      fill(teacher);
      student.copyFrom(teacher);
      tokens = tokens(Math.multiplyExact(sequences, length), config.vocabulary());
      lengths = new int[sequences];
      Arrays.fill(lengths, length);
      batch = batch(length);
      optimizer =
          Optimizer.bertAdam(compute, student.parameters(), LEARNING_RATE, Schedule.CONSTANT);
      distillation = new Distillation(compute, student, teacher, losses, sequences, length);
    } catch (RuntimeException e) {
      super.close();
      throw e;
    }
  }

  private void fill(BertClassifier network) {
    long stream = 0;
    for (Parameter parameter : network.parameters().all()) {
      if (parameter.name().endsWith("LayerNorm.weight")) {
        Tensors.upload(compute.memory(), parameter.value(), i -> 1f);
      } else {
        long own = stream++;
        Tensors.upload(
            compute.memory(),
            parameter.value(),
            i -> (float) (DEVIATION * NormalVariates.at(WEIGHT_SEED, own, i)));
      }
    }
    network.refreshWeights();
  }

  private static long[] tokens(int count, int vocabulary) {
    long[] words = new long[count];
    for (int i = 0; i < count; i++) {
      int word = Philox.word(TOKEN_SEED, 0, i, 0);
      // 0 is padding.
      words[i] = 1 + Integer.remainderUnsigned(word, vocabulary - 1);
    }
    return words;
  }

  private TokenBatch batch(int length) {
    return new TokenBatch(
        lengths.length,
        length,
        uploaded(host.copyOf(tokens)),
        uploaded(host.copyOf(new long[tokens.length])),
        uploaded(host.copyOf(QatKdProblem.positions(tokens.length, length))),
        uploaded(host.copyOf(lengths)));
  }

  private Matrix uploaded(Matrix here) {
    Matrix there = compute.memory().matrix(here.type(), here.rows(), here.cols());
    compute.memory().upload(here, there);
    return there;
  }

  @Override
  ParameterSet trained() {
    return student.parameters();
  }

  @Override
  public QatKdProblem problem() {
    return new QatKdProblem(
        student.config(),
        LABELS,
        losses,
        LEARNING_RATE,
        batch.length(),
        tokens,
        lengths,
        values(trained()));
  }

  @Override
  public long tokens() {
    return tokens.length;
  }

  @Override
  public double gradients(double dropout) {
    student.parameters().zeroGradients();
    return distillation.step(batch, new Pass(dropout, 1, steps++)).total();
  }

  @Override
  public void update() {
    optimizer.step();
    student.refreshWeights();
  }

  @Override
  public void close() {
    distillation.close();
    super.close();
  }
}

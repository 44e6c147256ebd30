// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.step;

import java.util.List;
import java.util.Map;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.training.distill.TranslationLosses;
import org.limbeck.training.distill.TranslationTraining;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.optim.Optimizer;
import org.limbeck.training.optim.Schedule;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TransformerConfig;
import org.limbeck.training.transformer.TranslationBatch;
import org.limbeck.training.transformer.TranslationBuffers;

/**
 * Limbeck's step of a translation model, on weights as training begins with and {@link
 * RandomSentences}.
 */
public final class LimbeckTranslationStep extends LimbeckStep<TranslationProblem> {
  /** Options of the recipe. */
  private static final AdamW.Spec ADAM = new AdamW.Spec(0.9, 0.98, 1e-8, 1e-4);

  private static final double LEARNING_RATE = 5e-4;
  private static final long SEED = 1;
  private static final long TEACHER_SEED = 2;
  private static final long SOURCE_SEED = 3;
  private static final long TARGET_SEED = 4;

  private final TranslationLosses losses;
  private final Transformer model;
  private final Transformer teacher;
  private final List<int[]> sources;
  private final List<int[]> targets;
  private final TranslationBuffers buffers;
  private final TranslationBatch batch;
  private final Optimizer optimizer;
  private final TranslationTraining training;
  private long steps;

  /**
   * Makes models and a batch.
   *
   * @param limbeck where operations come from; closed with this object
   * @param precision that of layers' products
   * @param config the sizes of the model that is trained
   * @param teacherConfig those of its teacher, or null if the losses need none
   * @param losses what is minimised
   * @param sentences the size of the batch
   * @param length the greatest length of a sentence
   * @throws IllegalArgumentException if sizes and losses do not go together
   */
  public LimbeckTranslationStep(
      Limbeck limbeck,
      GemmF32.Precision precision,
      TransformerConfig config,
      TransformerConfig teacherConfig,
      TranslationLosses losses,
      int sentences,
      int length) {
    super(limbeck, precision);
    this.losses = losses;
    try {
      model = new Transformer(compute, config);
      model.initialise(SEED);
      teacher = teacherConfig == null ? null : new Transformer(compute, teacherConfig);
      if (teacher != null) {
        teacher.initialise(TEACHER_SEED);
      }
      sources = RandomSentences.of(SOURCE_SEED, sentences, length, config.sourceVocabulary());
      targets = RandomSentences.of(TARGET_SEED, sentences, length, config.targetVocabulary());
      Capacity capacity = Capacity.of(sentences, length);
      buffers = new TranslationBuffers(compute.memory(), capacity);
      batch = buffers.fill(sources, targets);
      optimizer =
          Optimizer.adamWOfAll(compute, model.parameters(), ADAM, LEARNING_RATE, Schedule.CONSTANT);
      training = new TranslationTraining(compute, model, teacher, losses, capacity);
    } catch (RuntimeException e) {
      super.close();
      throw e;
    }
  }

  @Override
  ParameterSet trained() {
    return model.parameters();
  }

  @Override
  public TranslationProblem problem() {
    return new TranslationProblem(
        model.config(),
        teacher == null ? null : teacher.config(),
        losses,
        ADAM,
        LEARNING_RATE,
        sources,
        targets,
        values(trained()),
        teacher == null ? Map.of() : values(teacher.parameters()));
  }

  /** Returns the number of target tokens, padding left out. */
  @Override
  public long tokens() {
    return targets.stream().mapToLong(sentence -> sentence.length).sum();
  }

  @Override
  public double gradients(double dropout) {
    model.parameters().zeroGradients();
    return training.step(batch, new Pass(dropout, SEED, steps++)).total();
  }

  @Override
  public void update() {
    optimizer.step();
  }

  @Override
  public void close() {
    training.close();
    buffers.close();
    super.close();
  }
}

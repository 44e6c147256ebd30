// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.Objects;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;
import org.limbeck.training.transformer.Activations;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.SpecialTokens;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TranslationBatch;

/**
 * Trains a translation model on sentence pairs, alone or with a teacher. The teacher runs without
 * dropout. Gradients are means over the predicted tokens.
 */
public final class TranslationTraining implements AutoCloseable {
  private final Compute compute;
  private final Transformer student;
  private final Transformer teacher;
  private final TranslationLosses losses;
  private final Activations activations;
  private final Activations teacherActivations;
  private final OutputLoss output;
  private final PatienceLoss patience;
  // The teacher's logits; without a teacher the gradient, which may not overwrite what it is from.
  private final Slot other;

  /**
   * Allocates what steps need.
   *
   * @param compute operations and memory
   * @param student the model that is trained
   * @param teacher its teacher, or null if the losses need none
   * @param losses what is minimised
   * @param capacity the largest batch
   * @throws IllegalArgumentException if the losses need a teacher and there is none, or the teacher
   *     does not fit: another target vocabulary, or for hidden states other widths or fewer layers
   */
  public TranslationTraining(
      Compute compute,
      Transformer student,
      Transformer teacher,
      TranslationLosses losses,
      Capacity capacity) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.student = Objects.requireNonNull(student, "student");
    this.losses = Objects.requireNonNull(losses, "losses");
    this.teacher = losses.needsTeacher() ? teacher : null;
    int vocabulary = student.config().targetVocabulary();
    if (losses.needsTeacher()) {
      if (teacher == null) {
        throw new IllegalArgumentException(
            "TranslationTraining: given no teacher, expected one for alpha "
                + losses.alpha()
                + " and beta "
                + losses.beta());
      }
      if (teacher.config().targetVocabulary() != vocabulary
          || teacher.config().sourceVocabulary() != student.config().sourceVocabulary()) {
        throw new IllegalArgumentException(
            "TranslationTraining: given a teacher with vocabularies of "
                + teacher.config().sourceVocabulary()
                + " and "
                + teacher.config().targetVocabulary()
                + " tokens, expected the student's, "
                + student.config().sourceVocabulary()
                + " and "
                + vocabulary);
      }
    }
    activations = student.newActivations(compute, capacity, true);
    teacherActivations =
        losses.needsTeacher() ? teacher.newActivations(compute, capacity, false) : null;
    output = new OutputLoss(compute, student, capacity);
    patience =
        losses.beta() > 0
            ? new PatienceLoss(compute, losses, student.config(), teacher.config())
            : null;
    other = OutputLoss.newRows(compute, vocabulary, capacity);
  }

  /**
   * Runs forward and backward on a batch and adds to the gradients of the student's parameters.
   *
   * @param batch the batch
   * @param pass how the student runs
   * @return the losses
   */
  public TranslationLossValues step(TranslationBatch batch, Pass pass) {
    // The student first: a compressed one uploads a mask, which waits for what is queued.
    student.forward(batch, activations, pass);
    if (teacher != null) {
      teacher.forward(batch, teacherActivations, Pass.EVALUATION);
    }
    SoftmaxKl.Spec spec = specification(batch.predicted());
    output.apply(
        activations, (logits, from, to, loss) -> rows(spec, batch, logits, from, to, loss));
    if (patience != null) {
      patience.apply(batch, activations, teacherActivations);
    }
    student.backward(activations);
    // Only now is there anything to wait for.
    return new TranslationLossValues(
        output.read(), patience == null ? 0 : patience.read(), batch.predicted());
  }

  private SoftmaxKl.Spec specification(long tokens) {
    double vocabulary = student.config().targetVocabulary();
    return SoftmaxKl.Spec.builder()
        .temperature(losses.temperature())
        .scale(losses.temperature() * losses.temperature())
        .softWeight(losses.alpha())
        .hardWeight(1 - losses.alpha())
        // The stem spreads e / V over all columns; fairseq spreads e / (V - 1).
        .labelSmoothing(losses.labelSmoothing() * vocabulary / (vocabulary - 1))
        .ignoreIndex(SpecialTokens.PAD)
        .normaliser(Normaliser.of(tokens))
        .build();
  }

  private Matrix rows(
      SoftmaxKl.Spec spec, TranslationBatch batch, Matrix logits, long from, long to, Matrix loss) {
    boolean soft = losses.alpha() > 0;
    Matrix second = other.view(logits.rows(), logits.cols());
    if (soft) {
      teacher.logits(teacherActivations.decoded().rows(from, to), second);
    }
    Matrix gradient = soft ? logits : second;
    SoftmaxKl.ArgumentsBuilder arguments =
        SoftmaxKl.Arguments.of(logits, soft ? second : logits)
            .rowWeight(batch.target().weights().columns(from, to))
            .gradStudent(gradient)
            .loss(loss);
    if (spec.hardWeight() != 0) {
      arguments.labels(batch.gold().columns(from, to));
    }
    compute.operation(SoftmaxKl.OP, spec).run(arguments.build());
    return gradient;
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    activations.close();
    if (teacherActivations != null) {
      teacherActivations.close();
    }
    output.close();
    if (patience != null) {
      patience.close();
    }
  }
}

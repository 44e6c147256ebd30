// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.Objects;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.TokenBatch;

/**
 * Trains a student on its teacher's tensors: both run layer by layer side by side, so that only one
 * layer of the teacher is held at a time.
 *
 * <p>The student runs with dropout, the teacher without.
 */
public final class Distillation implements AutoCloseable {
  private final BertClassifier student;
  private final BertClassifier teacher;
  private final Activations studentActivations;
  private final Activations teacherActivations;
  private final HostMemory host = new HostMemory();
  private final LayerLosses losses;

  /**
   * Allocates what steps need.
   *
   * @param compute operations and memory
   * @param student the network that is trained
   * @param teacher a network of the same sizes
   * @param losses what is compared
   * @param maxBatch the largest batch
   * @param maxLength the greatest padded length
   * @throws IllegalArgumentException if the networks differ in size, or the losses name a layer
   *     that is not there
   */
  public Distillation(
      Compute compute,
      BertClassifier student,
      BertClassifier teacher,
      LossConfiguration losses,
      int maxBatch,
      int maxLength) {
    this.student = Objects.requireNonNull(student, "student");
    this.teacher = Objects.requireNonNull(teacher, "teacher");
    if (!student.config().equals(teacher.config()) || student.labels() != teacher.labels()) {
      throw new IllegalArgumentException(
          "Distillation: teacher: given "
              + teacher.config()
              + ", expected the student's sizes "
              + student.config());
    }
    for (int index : losses.hiddenLayers()) {
      if (index < 0 || index > student.config().layers()) {
        throw new IllegalArgumentException(
            "loss "
                + losses.name()
                + ": given layer "
                + index
                + ", expected 0 to "
                + student.config().layers());
      }
    }
    this.studentActivations = student.newActivations(compute, maxBatch, maxLength, true);
    this.teacherActivations = teacher.newActivations(compute, maxBatch, maxLength, false);
    this.losses = new LayerLosses(compute, losses, student.config(), host);
  }

  /**
   * Runs forward and backward on a batch and adds to the gradients of the student's parameters.
   *
   * @param batch the batch
   * @param pass how the student runs
   * @return the losses
   */
  public LossValues step(TokenBatch batch, Pass pass) {
    losses.begin();
    teacher.embed(batch, teacherActivations, Pass.EVALUATION);
    student.embed(batch, studentActivations, pass);
    losses.hidden(0, studentActivations, teacherActivations);
    for (int l = 0; l < student.config().layers(); l++) {
      teacher.layer(l, teacherActivations);
      student.layer(l, studentActivations);
      losses.layer(l, studentActivations, teacherActivations);
    }
    teacher.head(teacherActivations);
    student.head(studentActivations);
    losses.prediction(studentActivations, teacherActivations);
    student.backward(studentActivations);
    return losses.read();
  }

  /** Returns the student's tensors of the last step. */
  public Activations student() {
    return studentActivations;
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    host.close();
  }
}

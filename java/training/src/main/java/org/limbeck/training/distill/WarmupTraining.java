// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.PetWarmup;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.LayerFactory;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;
import org.limbeck.training.transformer.Activations;
import org.limbeck.training.transformer.Capacity;
import org.limbeck.training.transformer.Transformer;
import org.limbeck.training.transformer.TranslationBatch;

/**
 * PET's warm-up: trains a translation model to be correct and confident where its teacher is, by
 * four classes a target token. The classes' probabilities come from the vocabulary's (stem {@code
 * pet_warmup}), or for comparison from a linear head of four outputs that is thrown away. The loss
 * is a mean over the predicted tokens.
 *
 * <p>Source: Jeon et al., PLOS ONE 18(7) e0288060.
 */
public final class WarmupTraining implements AutoCloseable {
  /** No label is ignored by this number: padding has none. */
  private static final long PADDING = -100;

  private final Compute compute;
  private final Transformer student;
  private final double labelSmoothing;
  private final Activations activations;
  private final OutputLoss output;
  private final HostMemory host = new HostMemory();
  private final Matrix hostLabels;
  private final Matrix deviceLabels;
  private final ParameterSet headParameters;
  private final Linear head;
  private final Slot headLogits;
  private final Slot headGradient;
  private final Matrix headLoss;
  private final Matrix hostLoss;

  /**
   * Allocates what steps need.
   *
   * @param compute operations and memory
   * @param student the model that is trained
   * @param labelSmoothing the smoothing e: 1 - e on the class, e / 3 on each other one; the recipe
   *     has 0
   * @param fourWayHead whether a head of four outputs predicts the classes, in place of the
   *     vocabulary
   * @param capacity the largest batch
   */
  public WarmupTraining(
      Compute compute,
      Transformer student,
      double labelSmoothing,
      boolean fourWayHead,
      Capacity capacity) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.student = Objects.requireNonNull(student, "student");
    this.labelSmoothing = labelSmoothing;
    activations = student.newActivations(compute, capacity, true);
    output = fourWayHead ? null : new OutputLoss(compute, student, capacity);
    hostLabels = host.vector(DType.I64, capacity.rows());
    deviceLabels = compute.memory().vector(DType.I64, capacity.rows());
    headParameters = new ParameterSet(compute.memory());
    int width = student.config().decoder().width();
    head =
        fourWayHead
            ? new LayerFactory(compute, headParameters)
                .linear("warmup_head", PetWarmup.CLASSES, width, null)
            : null;
    long elements = fourWayHead ? capacity.rows() * PetWarmup.CLASSES : 0;
    headLogits = new Slot(compute.memory(), elements);
    headGradient = new Slot(compute.memory(), elements);
    headLoss = compute.memory().matrix(DType.F64, 1, 1);
    hostLoss = host.matrix(DType.F64, 1, 1);
  }

  /**
   * Returns the parameters of the head of four outputs, zeros at first, for an optimizer of their
   * own; an empty set without one.
   */
  public ParameterSet headParameters() {
    return headParameters;
  }

  /**
   * Runs forward and backward on a batch and adds to the gradients of the parameters.
   *
   * @param batch the batch
   * @param pairs which pair of the corpus each sentence of the batch is
   * @param labels the classes of the corpus
   * @param pass how the model runs
   * @return the loss, a mean over the predicted tokens
   */
  public double step(TranslationBatch batch, int[] pairs, WarmupLabels labels, Pass pass) {
    // Uploads come first, and what is read last: both wait for what is queued.
    Matrix classes = upload(batch, pairs, labels);
    student.forward(batch, activations, pass);
    if (head == null) {
      vocabulary(batch, classes);
    } else {
      fourWay(batch, classes);
    }
    student.backward(activations);
    return head == null ? output.read() : readHead();
  }

  private Matrix upload(TranslationBatch batch, int[] pairs, WarmupLabels labels) {
    int length = batch.target().length();
    long rows = batch.target().rows();
    for (int b = 0; b < pairs.length; b++) {
      int real = labels.length(pairs[b]);
      for (int t = 0; t < length; t++) {
        // Padding has weight 0, or in a head's loss an ignored label.
        long padding = head == null ? 0 : PADDING;
        long label = t < real ? labels.get(pairs[b], t) : padding;
        hostLabels.setLong(0, (long) b * length + t, label);
      }
    }
    Matrix view = deviceLabels.columns(0, rows);
    compute.memory().upload(hostLabels.columns(0, rows), view);
    return view;
  }

  private void vocabulary(TranslationBatch batch, Matrix classes) {
    PetWarmup.Spec spec = new PetWarmup.Spec(labelSmoothing, Normaliser.of(batch.predicted()));
    output.apply(
        activations,
        (logits, from, to, loss) -> {
          compute
              .operation(PetWarmup.OP, spec)
              .run(
                  new PetWarmup.Arguments(
                      logits,
                      batch.gold().columns(from, to),
                      classes.columns(from, to),
                      batch.target().weights().columns(from, to),
                      logits,
                      null,
                      loss));
          return logits;
        });
  }

  private void fourWay(TranslationBatch batch, Matrix classes) {
    Matrix decoded = activations.decoded();
    Matrix logits = headLogits.view(decoded.rows(), PetWarmup.CLASSES);
    Matrix gradient = headGradient.view(decoded.rows(), PetWarmup.CLASSES);
    head.forward(decoded, logits);
    // The stem's smoothing counts the label's own column among those it spreads over.
    double spread = labelSmoothing * PetWarmup.CLASSES / (PetWarmup.CLASSES - 1);
    SoftmaxKl.Spec spec =
        SoftmaxKl.Spec.builder()
            .softWeight(0)
            .hardWeight(1)
            .labelSmoothing(spread)
            .ignoreIndex(PADDING)
            .normaliser(Normaliser.of(batch.predicted()))
            .build();
    compute
        .operation(SoftmaxKl.OP, spec)
        .run(
            SoftmaxKl.Arguments.of(logits, logits)
                .rowWeight(batch.target().weights())
                .labels(classes)
                .gradStudent(gradient)
                .loss(headLoss)
                .build());
    head.backwardParameters(decoded, gradient);
    head.backwardInput(gradient, activations.gradDecoded(), false);
  }

  private double readHead() {
    compute.memory().download(headLoss, hostLoss);
    return hostLoss.getDouble(0, 0);
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    activations.close();
    if (output != null) {
      output.close();
    }
    host.close();
  }
}

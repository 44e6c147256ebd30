// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.distill;

import java.util.Objects;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Mse;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.RowLoss;
import org.limbeck.kernels.op.SoftmaxKl;
import org.limbeck.training.bert.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.TokenBatch;

/**
 * Trains a network on labels: cross entropy over classes, or mean squared error in regression, both
 * means over the batch. This is how a teacher is fine-tuned.
 */
public final class Supervised implements AutoCloseable {
  private static final SoftmaxKl.Spec CROSS_ENTROPY =
      SoftmaxKl.Spec.builder().hardWeight(1).softWeight(0).normaliser(Normaliser.MEAN_ROWS).build();

  private final Compute compute;
  private final BertClassifier network;
  private final Activations activations;
  private final HostMemory host = new HostMemory();
  private final Matrix deviceLoss;
  private final Matrix hostLoss;
  private final Matrix deviceTargets;
  private final Matrix hostTargets;

  /**
   * Allocates what steps need.
   *
   * @param compute operations and memory
   * @param network the network that is trained
   * @param maxBatch the largest batch
   * @param maxLength the greatest padded length
   */
  public Supervised(Compute compute, BertClassifier network, int maxBatch, int maxLength) {
    this.compute = Objects.requireNonNull(compute, "compute");
    this.network = Objects.requireNonNull(network, "network");
    this.activations = network.newActivations(compute, maxBatch, maxLength, true);
    this.deviceLoss = compute.memory().matrix(DType.F64, 1, 1);
    this.hostLoss = host.matrix(DType.F64, 1, 1);
    DType type = isRegression() ? DType.F32 : DType.I64;
    this.deviceTargets = compute.memory().vector(type, maxBatch);
    this.hostTargets = host.vector(type, maxBatch);
  }

  private boolean isRegression() {
    return network.labels() == 1;
  }

  /**
   * Runs forward and backward on a batch and adds to the gradients of the parameters.
   *
   * @param batch the batch
   * @param labels for each sequence its class from 0, or its value in regression
   * @param pass how the network runs
   * @return the loss
   */
  public double step(TokenBatch batch, float[] labels, Pass pass) {
    // First, since an upload waits for what is queued.
    Matrix targets = upload(labels, batch.batch());
    network.forward(batch, activations, pass);
    Matrix logits = activations.logits();
    if (isRegression()) {
      compute
          .operation(Mse.OP, Mse.Spec.of(Normaliser.MEAN_ROWS))
          .run(
              new RowLoss.Arguments(
                  logits,
                  targets.reshape(batch.batch(), 1),
                  null,
                  activations.gradLogits(),
                  null,
                  deviceLoss));
    } else {
      compute
          .operation(SoftmaxKl.OP, CROSS_ENTROPY)
          .run(
              SoftmaxKl.Arguments.of(logits, logits)
                  .labels(targets)
                  .gradStudent(activations.gradLogits())
                  .loss(deviceLoss)
                  .build());
    }
    network.backward(activations);
    compute.memory().download(deviceLoss, hostLoss);
    return hostLoss.getDouble(0, 0);
  }

  private Matrix upload(float[] labels, int count) {
    Matrix staged = hostTargets.columns(0, count);
    for (int i = 0; i < count; i++) {
      if (isRegression()) {
        staged.setFloat(0, i, labels[i]);
      } else {
        staged.setLong(0, i, (long) labels[i]);
      }
    }
    Matrix targets = deviceTargets.columns(0, count);
    compute.memory().upload(staged, targets);
    return targets;
  }

  /** Frees the host's memory; the device's goes with its {@link Compute}. */
  @Override
  public void close() {
    host.close();
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.training.bert.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.data.Batch;
import org.limbeck.training.data.Batches;
import org.limbeck.training.data.MetricResult;
import org.limbeck.training.data.Task;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.TokenBatch;

/**
 * Judges networks of one task on its development set: no dropout, quantizers at work. MNLI has a
 * second one, of genres that are not in training, whose metric is a part of the result.
 */
final class Evaluator {
  /** The part of a result that is the metric on the examples of other genres. */
  static final String MISMATCHED = "mismatched";

  private static final int WARM_UP = 10;
  private static final double NANOS = 1e9;

  private final Compute compute;
  private final Task task;
  private final Batches batches;
  private final Batches mismatched;
  private final BatchUpload upload;
  private final int maxBatch;
  private final int maxLength;
  private final Matrix hostLogits;
  private BertClassifier network;
  private Activations activations;

  /** What is judged: something that answers batches. */
  @FunctionalInterface
  interface Network {
    /**
     * Returns the logits of a batch.
     *
     * @param batch word pieces on the device
     * @return F32 [B, C] on the device, valid until the next call
     */
    Matrix logits(TokenBatch batch);
  }

  /**
   * What a network answered on the development set.
   *
   * @param predictions a class or score for each example, in the order of evaluation
   * @param result the metric
   * @param seconds the wall time of the answers
   */
  record Answers(float[] predictions, MetricResult result, double seconds) {}

  /**
   * Allocates what an evaluation needs.
   *
   * @param compute where activations live
   * @param host where batches and logits live, closed by the caller
   */
  Evaluator(Compute compute, HostMemory host, TokenizedTask data) {
    this.compute = compute;
    this.task = data.task();
    this.batches = data.devBatches(host);
    this.mismatched = data.devMismatched().isEmpty() ? null : data.devMismatchedBatches(host);
    this.maxBatch = data.batch();
    this.maxLength = data.length();
    this.upload = new BatchUpload(compute.memory(), maxBatch, maxLength);
    this.hostLogits = host.matrix(DType.F32, maxBatch, task.labels());
  }

  /** Returns the metric of a network. */
  MetricResult run(BertClassifier judged) {
    Network answering = network(judged);
    MetricResult result = answers(answering, batches).result();
    if (mismatched == null) {
      return result;
    }
    Map<String, Double> parts = new LinkedHashMap<>(result.parts());
    parts.put(MISMATCHED, answers(answering, mismatched).result().value());
    return new MetricResult(result.value(), result.selection(), parts);
  }

  /** Returns a network as it is judged: without dropout, quantizers at work. */
  Network network(BertClassifier judged) {
    if (judged != network) {
      network = judged;
      activations = judged.newActivations(compute, maxBatch, maxLength, false);
    }
    Activations own = activations;
    return batch -> {
      judged.forward(batch, own, Pass.EVALUATION);
      return own.logits();
    };
  }

  /** Returns what a network answers to the development set, without that of other genres. */
  Answers answers(Network judged) {
    return answers(judged, batches);
  }

  /** Lets a network answer the first batches, so that a following measurement finds it warm. */
  void warmUp(Network judged) {
    predictions(judged, batches, Math.min(WARM_UP, batches.steps()), new float[batches.examples()]);
  }

  private Answers answers(Network judged, Batches examples) {
    float[] wanted = new float[examples.examples()];
    long begin = System.nanoTime();
    float[] predictions = predictions(judged, examples, examples.steps(), wanted);
    double seconds = (System.nanoTime() - begin) / NANOS;
    return new Answers(predictions, task.metric().evaluate(predictions, wanted), seconds);
  }

  /** Returns the predictions of a number of batches, and writes the labels to {@code wanted}. */
  private float[] predictions(Network judged, Batches examples, int steps, float[] wanted) {
    int labels = task.labels();
    float[] logits = new float[examples.examples() * labels];
    int at = 0;
    for (int i = 0; i < steps; i++) {
      Batch batch = examples.evaluation(i);
      Matrix device = judged.logits(upload.run(batch));
      Matrix host = hostLogits.rows(0, batch.batch());
      compute.memory().download(device, host);
      System.arraycopy(host.toFloatArray(), 0, logits, at * labels, batch.batch() * labels);
      System.arraycopy(batch.labels(), 0, wanted, at, batch.batch());
      at += batch.batch();
    }
    return task.predictions(Arrays.copyOf(logits, at * labels));
  }
}

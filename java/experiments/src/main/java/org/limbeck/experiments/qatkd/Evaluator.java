// SPDX-License-Identifier: Apache-2.0
package org.limbeck.experiments.qatkd;

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

/**
 * Judges networks of one task on its development set: no dropout, quantizers at work. MNLI has a
 * second one, of genres that are not in training, whose metric is a part of the result.
 */
final class Evaluator {
  /** The part of a result that is the metric on the examples of other genres. */
  static final String MISMATCHED = "mismatched";

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
    if (judged != network) {
      network = judged;
      activations = judged.newActivations(compute, maxBatch, maxLength, false);
    }
    MetricResult result = judge(batches);
    if (mismatched == null) {
      return result;
    }
    Map<String, Double> parts = new LinkedHashMap<>(result.parts());
    parts.put(MISMATCHED, judge(mismatched).value());
    return new MetricResult(result.value(), result.selection(), parts);
  }

  private MetricResult judge(Batches batches) {
    int labels = task.labels();
    float[] logits = new float[batches.examples() * labels];
    float[] wanted = new float[batches.examples()];
    int at = 0;
    for (int i = 0; i < batches.steps(); i++) {
      Batch batch = batches.evaluation(i);
      network.forward(upload.run(batch), activations, Pass.EVALUATION);
      Matrix host = hostLogits.rows(0, batch.batch());
      compute.memory().download(activations.logits(), host);
      System.arraycopy(host.toFloatArray(), 0, logits, at * labels, batch.batch() * labels);
      System.arraycopy(batch.labels(), 0, wanted, at, batch.batch());
      at += batch.batch();
    }
    return task.metric().evaluate(task.predictions(logits), wanted);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.Tanh;
import org.limbeck.training.nn.ActivationQuantizer;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.DropoutLayer;
import org.limbeck.training.nn.LayerFactory;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;
import org.limbeck.training.nn.TokenBatch;

/**
 * Pooler and classifier: Z = linear(dropout(tanh(linear(first position)))). The pooler is quantized
 * as the encoder is, the classifier never.
 */
final class ClassificationHead {
  private final Compute compute;
  private final BertConfig config;
  private final int labels;
  private final ActivationQuantizer quantizer;
  private final Linear pooler;
  private final Linear classifier;
  private final DropoutLayer dropout;

  ClassificationHead(
      Compute compute, BertConfig config, int labels, Quantization quantization, ParameterSet set) {
    this.compute = compute;
    this.config = config;
    this.labels = labels;
    quantizer = new ActivationQuantizer(compute, quantization.activation());
    LayerFactory make = new LayerFactory(compute, set);
    pooler = make.linear("pooler.dense", config.hidden(), config.hidden(), quantization.weight());
    classifier = make.linear("classifier", labels, config.hidden(), null);
    dropout = new DropoutLayer(compute, 1 + config.layers() * EncoderLayer.DROPOUT_SITES);
  }

  /** Returns the pooler, whose weight is quantized if any is. */
  Linear pooler() {
    return pooler;
  }

  /** Returns what quantizes the pooler's input. */
  ActivationQuantizer quantizer() {
    return quantizer;
  }

  /** What a forward leaves for its backward. */
  static final class Saved {
    private final Slot firstQuantized;
    private final Slot pooled;
    private final Slot dropped;
    private final Slot logits;
    private final Slot gradLogits;
    private final Slot gradPooled;
    private final Slot gradFirst;

    Saved(Compute compute, BertConfig config, int labels, long batch) {
      long hidden = batch * config.hidden();
      firstQuantized = new Slot(compute.memory(), hidden);
      pooled = new Slot(compute.memory(), hidden);
      dropped = new Slot(compute.memory(), hidden);
      logits = new Slot(compute.memory(), batch * labels);
      gradLogits = new Slot(compute.memory(), batch * labels);
      gradPooled = new Slot(compute.memory(), hidden);
      gradFirst = new Slot(compute.memory(), hidden);
    }

    /** Returns Z, F32 [B, C]. */
    Matrix logits() {
      return logits.view();
    }

    /** Returns where the gradient by Z goes, F32 [B, C]. */
    Matrix gradLogits() {
      return gradLogits.view(logits.view().rows(), logits.view().cols());
    }
  }

  void forward(Matrix x, TokenBatch batch, Saved saved, Pass pass) {
    Matrix pooled = saved.pooled.view(batch.batch(), config.hidden());
    pooler.forward(quantizer.forward(batch.firstPositions(x), saved.firstQuantized), pooled);
    compute.operation(Tanh.FORWARD, new Tanh.Spec()).run(new Elementwise.Forward(pooled, pooled));
    Matrix logits = saved.logits.view(batch.batch(), labels);
    classifier.forward(dropped(saved, pass), logits);
  }

  private Matrix dropped(Saved saved, Pass pass) {
    Matrix pooled = saved.pooled.view();
    if (pass.dropout() == 0) {
      return pooled;
    }
    Matrix y = saved.dropped.view(pooled.rows(), pooled.cols());
    dropout.forward(pooled, null, y, pass);
    return y;
  }

  /**
   * Computes the gradient by the encoder's output from that by the logits, which a loss wrote to
   * {@link Saved#gradLogits}, and adds those of the parameters.
   *
   * @param x the input of the forward, F32 [B * S, D]
   * @param gradient F32 [B * S, D], written
   */
  void backward(Matrix x, Matrix gradient, TokenBatch batch, Saved saved, Pass pass) {
    Matrix gradPooled = saved.gradPooled.view(batch.batch(), config.hidden());
    boolean drops = pass.dropout() > 0;
    classifier.backwardParameters(
        drops ? saved.dropped.view() : saved.pooled.view(), saved.gradLogits());
    classifier.backwardInput(saved.gradLogits(), gradPooled, false);
    if (drops) {
      dropout.backward(gradPooled, gradPooled, pass);
    }
    compute
        .operation(Tanh.BACKWARD, new Tanh.Spec())
        .run(new Tanh.Backward(saved.pooled.view(), gradPooled, gradPooled));
    Matrix first = batch.firstPositions(x);
    Matrix gradFirst = saved.gradFirst.view(batch.batch(), config.hidden());
    pooler.backwardParameters(
        quantizer.isActive() ? saved.firstQuantized.view() : first, gradPooled);
    pooler.backwardInput(gradPooled, gradFirst, false);
    quantizer.backward(first, gradFirst);
    compute.memory().zero(gradient);
    compute.memory().copy(gradFirst, batch.firstPositions(gradient));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.bert;

import java.util.List;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.training.nn.ActivationQuantizer;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.DropoutLayer;
import org.limbeck.training.nn.LayerFactory;
import org.limbeck.training.nn.Linear;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.ParameterSet;
import org.limbeck.training.nn.Pass;
import org.limbeck.training.nn.Slot;
import org.limbeck.training.nn.TokenBatch;

/**
 * One encoder layer: attention, residual, layer normalisation; feed-forward, residual, layer
 * normalisation.
 *
 * <p>With input X: Q, K, V = linear(X); A = Q K^T / sqrt(width) with masked keys; P = softmax(A); C
 * = dropout(P) V; O = linear(C); Y = norm(dropout(O) + X); output = norm(dropout(linear(gelu(
 * linear(Y)))) + Y). Where the network is quantized, the inputs of every product are.
 */
final class EncoderLayer {
  /** Uses of dropout in a layer. */
  static final int DROPOUT_SITES = 3;

  private static final Gelu.Spec GELU = new Gelu.Spec(Gelu.Form.ERF);

  private final Compute compute;
  private final BertConfig config;
  private final FakeQuant.Spec activationSpec;
  private final ActivationQuantizer quantizer;
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final Linear selfOutput;
  private final Normalisation firstNorm;
  private final Linear intermediate;
  private final Linear output;
  private final Normalisation secondNorm;
  private final DropoutLayer mapDropout;
  private final DropoutLayer firstDropout;
  private final DropoutLayer secondDropout;

  EncoderLayer(
      Compute compute, BertConfig config, Quantization quantization, ParameterSet set, int index) {
    this.compute = compute;
    this.config = config;
    this.activationSpec = quantization.activation();
    this.quantizer = new ActivationQuantizer(compute, activationSpec);
    LayerFactory make = new LayerFactory(compute, set);
    String prefix = "encoder.layer." + index + ".";
    int hidden = config.hidden();
    FakeQuant.Spec weight = quantization.weight();
    query = make.linear(prefix + "attention.self.query", hidden, hidden, weight);
    key = make.linear(prefix + "attention.self.key", hidden, hidden, weight);
    value = make.linear(prefix + "attention.self.value", hidden, hidden, weight);
    selfOutput = make.linear(prefix + "attention.output.dense", hidden, hidden, weight);
    firstNorm = make.normalisation(prefix + "attention.output.LayerNorm", hidden, config.epsilon());
    intermediate =
        make.linear(prefix + "intermediate.dense", config.intermediate(), hidden, weight);
    output = make.linear(prefix + "output.dense", hidden, config.intermediate(), weight);
    secondNorm = make.normalisation(prefix + "output.LayerNorm", hidden, config.epsilon());
    int site = 1 + index * DROPOUT_SITES;
    mapDropout = new DropoutLayer(compute, site);
    firstDropout = new DropoutLayer(compute, site + 1);
    secondDropout = new DropoutLayer(compute, site + 2);
  }

  /** Returns the linear layers, whose weights are quantized if any are. */
  List<Linear> linears() {
    return List.of(query, key, value, selfOutput, intermediate, output);
  }

  /** Returns what quantizes the activations. */
  ActivationQuantizer quantizer() {
    return quantizer;
  }

  /** Returns the linear layer from the heads' context to O, whose weight analyses look at. */
  Linear selfOutput() {
    return selfOutput;
  }

  /**
   * Computes the layer's output.
   *
   * @param x F32 [B * S, D]; may be the output slot of {@code a}, which is then overwritten
   */
  void forward(Matrix x, LayerActivations a, TokenBatch batch, Pass pass) {
    long rows = x.rows();
    int hidden = config.hidden();
    a.clearInjected();
    Matrix in = quantizer.forward(x, a.inputQuantized);
    query.forward(in, a.query.view(rows, hidden));
    key.forward(in, a.key.view(rows, hidden));
    value.forward(in, a.value.view(rows, hidden));
    attend(a, batch, pass);

    Matrix o = a.selfOutput.view(rows, hidden);
    selfOutput.forward(quantizer.forward(a.context.view(), a.contextQuantized), o);
    Matrix first = a.firstSum.view(rows, hidden);
    firstDropout.forward(o, x, first, pass);
    Matrix y = a.attentionOutput.view(rows, hidden);
    firstNorm.forward(first, y, a.firstSaved);

    Matrix wide = a.intermediate.view(rows, config.intermediate());
    intermediate.forward(quantizer.forward(y, a.attentionOutputQuantized), wide);
    Matrix activated = a.activated.view(rows, config.intermediate());
    compute.operation(Gelu.FORWARD, GELU).run(new Elementwise.Forward(wide, activated));
    Matrix second = a.secondSum.view(rows, hidden);
    output.forward(quantizer.forward(activated, a.activatedQuantized), second);
    secondDropout.forward(second, y, second, pass);
    secondNorm.forward(second, a.output.view(rows, hidden), a.secondSaved);
  }

  private AttentionShape shape(TokenBatch batch) {
    return new AttentionShape(batch.batch(), config.heads(), batch.length(), batch.length());
  }

  private void attend(LayerActivations a, TokenBatch batch, Pass pass) {
    AttentionShape shape = shape(batch);
    compute.attention(
        Attention.WEIGHTS,
        Attention.Spec.DEFAULT,
        new Attention.Weights(
            shape,
            quantizer.forward(a.query.view(), a.queryQuantized),
            quantizer.forward(a.key.view(), a.keyQuantized),
            batch.lengths(),
            null,
            a.scores.view(shape.rows(), shape.keys()),
            a.maps.view(shape.rows(), shape.keys())));
    compute.attention(
        Attention.CONTEXT,
        Attention.Spec.DEFAULT,
        new Attention.Context(
            shape,
            usedMaps(a, pass),
            quantizer.forward(a.value.view(), a.valueQuantized),
            a.context.view(a.value.view().rows(), config.hidden())));
  }

  private Matrix usedMaps(LayerActivations a, Pass pass) {
    Matrix maps = a.maps.view();
    if (pass.dropout() > 0) {
      Matrix used = a.mapsUsed.view(maps.rows(), maps.cols());
      mapDropout.forward(maps, null, used, pass);
      if (quantizer.isActive()) {
        // Dropout scales probabilities up to 1 / (1 - p). Below the clip the straight-through
        // gradient passes everywhere, so what was quantized need not be kept.
        if (activationSpec.clip() <= 1 / (1 - pass.dropout())) {
          throw new IllegalArgumentException(
              "EncoderLayer: clip of activations: given "
                  + activationSpec.clip()
                  + ", expected more than 1 / (1 - dropout) = "
                  + 1 / (1 - pass.dropout()));
        }
        compute.operation(FakeQuant.FORWARD, activationSpec).run(FakeQuant.Forward.of(used, used));
      }
      return used;
    }
    return quantizer.forward(maps, a.mapsUsed);
  }

  /**
   * Computes the gradient by the layer's input and adds those of its parameters.
   *
   * @param x the input of the forward, F32 [B * S, D]
   * @param gradient by the output on entry, by the input on return, F32 [B * S, D]
   */
  void backward(
      Matrix x,
      Matrix gradient,
      LayerActivations a,
      BackwardScratch s,
      TokenBatch batch,
      Pass pass) {
    Matrix gradY = s.attentionOutput.view(x.rows(), x.cols());
    backwardFeedForward(gradient, gradY, a, s, pass);
    addInjected(a, Tap.ATTENTION_OUTPUT, gradY);
    firstNorm.backward(a.firstSum.view(), a.firstSaved, gradY);
    // The residual's part; that of the attention is added at the end.
    compute.memory().copy(gradY, gradient);
    firstDropout.backward(gradY, gradY, pass);
    addInjected(a, Tap.SELF_OUTPUT, gradY);
    Matrix context = a.context.view();
    Matrix gradContext = s.product.view(x.rows(), x.cols());
    selfOutput.backwardParameters(used(context, a.contextQuantized), gradY);
    selfOutput.backwardInput(gradY, gradContext, false);
    quantizer.backward(context, gradContext);
    addInjected(a, Tap.CONTEXT, gradContext);
    backwardAttention(gradContext, a, s, batch, pass);

    Matrix in = used(x, a.inputQuantized);
    Matrix gradIn = s.product.view();
    query.backwardParameters(in, s.query.view());
    key.backwardParameters(in, s.key.view());
    value.backwardParameters(in, s.value.view());
    query.backwardInput(s.query.view(), gradIn, false);
    key.backwardInput(s.key.view(), gradIn, true);
    value.backwardInput(s.value.view(), gradIn, true);
    quantizer.backward(x, gradIn);
    compute.add(gradIn, gradient);
  }

  private void backwardFeedForward(
      Matrix gradient, Matrix gradY, LayerActivations a, BackwardScratch s, Pass pass) {
    secondNorm.backward(a.secondSum.view(), a.secondSaved, gradient);
    compute.memory().copy(gradient, gradY);
    secondDropout.backward(gradient, gradient, pass);
    Matrix activated = a.activated.view();
    Matrix wide = s.wide.view(activated.rows(), activated.cols());
    output.backwardParameters(used(activated, a.activatedQuantized), gradient);
    output.backwardInput(gradient, wide, false);
    quantizer.backward(activated, wide);
    compute
        .operation(Gelu.BACKWARD, GELU)
        .run(new Elementwise.Backward(a.intermediate.view(), wide, wide));
    Matrix y = a.attentionOutput.view();
    intermediate.backwardParameters(used(y, a.attentionOutputQuantized), wide);
    intermediate.backwardInput(wide, gradient, false);
    quantizer.backward(y, gradient);
    compute.add(gradient, gradY);
  }

  private void backwardAttention(
      Matrix gradContext, LayerActivations a, BackwardScratch s, TokenBatch batch, Pass pass) {
    AttentionShape shape = shape(batch);
    Matrix query = a.query.view();
    Matrix key = a.key.view();
    Matrix value = a.value.view();
    Matrix maps = a.maps.view();
    Matrix gradMaps = s.maps.view(maps.rows(), maps.cols());
    Matrix gradValue = s.value.view(value.rows(), value.cols());
    boolean other = pass.dropout() > 0 || quantizer.isActive();
    compute.attention(
        Attention.CONTEXT_BACKWARD,
        Attention.Spec.DEFAULT,
        new Attention.ContextBackward(
            shape,
            other ? a.mapsUsed.view() : maps,
            used(value, a.valueQuantized),
            gradContext,
            gradMaps,
            gradValue));
    quantizer.backward(value, gradValue);
    if (pass.dropout() > 0) {
      mapDropout.backward(gradMaps, gradMaps, pass);
    }
    Matrix gradQuery = s.query.view(query.rows(), query.cols());
    Matrix gradKey = s.key.view(key.rows(), key.cols());
    compute.attention(
        Attention.WEIGHTS_BACKWARD,
        Attention.Spec.DEFAULT,
        new Attention.WeightsBackward(
            shape,
            used(query, a.queryQuantized),
            used(key, a.keyQuantized),
            maps,
            gradMaps,
            a.injected(Tap.SCORES),
            gradQuery,
            gradKey));
    quantizer.backward(query, gradQuery);
    quantizer.backward(key, gradKey);
  }

  /** Returns what a product was given: the quantized values, or the values themselves. */
  private Matrix used(Matrix values, Slot quantized) {
    return quantizer.isActive() ? quantized.view() : values;
  }

  private void addInjected(LayerActivations a, Tap tap, Matrix gradient) {
    Matrix injected = a.injected(tap);
    if (injected != null) {
      compute.add(injected, gradient);
    }
  }
}

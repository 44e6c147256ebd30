// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.packed;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.Elementwise;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.kernels.op.Gelu;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.Normalisation;
import org.limbeck.training.nn.TokenBatch;

/**
 * One encoder layer that only predicts: that of the training network without dropout, gradients and
 * what they need, in place wherever that is allowed.
 *
 * @param compute the operations
 * @param heads the number of heads
 * @param activation how the inputs of products are quantized
 */
record PackedLayer(
    Compute compute,
    int heads,
    FakeQuant.Spec activation,
    PackedLinear query,
    PackedLinear key,
    PackedLinear value,
    PackedLinear selfOutput,
    Normalisation firstNorm,
    PackedLinear intermediate,
    PackedLinear output,
    Normalisation secondNorm) {
  private static final Gelu.Spec GELU = new Gelu.Spec(Gelu.Form.ERF);

  /**
   * Replaces the layer's input by its output.
   *
   * @param x F32 [B * S, D]
   */
  void forward(Matrix x, TokenBatch batch, Workspace w) {
    Matrix in = w.quantized.view(x.rows(), x.cols());
    quantize(x, in);
    Matrix q = projected(query, in, w.query.view(x.rows(), x.cols()));
    Matrix k = projected(key, in, w.key.view(x.rows(), x.cols()));
    Matrix v = projected(value, in, w.value.view(x.rows(), x.cols()));
    Matrix context = in;
    attend(batch, q, k, v, context, w);
    quantize(context, context);
    Matrix sum = q;
    selfOutput.forward(context, sum);
    compute.add(x, sum);
    firstNorm.forward(sum, x, w.norm);

    quantize(x, in);
    Matrix wide = w.wide.view(x.rows(), intermediate.weight().codes().rows());
    intermediate.forward(in, wide);
    compute.operation(Gelu.FORWARD, GELU).run(new Elementwise.Forward(wide, wide));
    quantize(wide, wide);
    output.forward(wide, sum);
    compute.add(x, sum);
    secondNorm.forward(sum, x, w.norm);
  }

  private Matrix projected(PackedLinear linear, Matrix in, Matrix y) {
    linear.forward(in, y);
    quantize(y, y);
    return y;
  }

  private void quantize(Matrix x, Matrix y) {
    compute.operation(FakeQuant.FORWARD, activation).run(FakeQuant.Forward.of(x, y));
  }

  private void attend(TokenBatch batch, Matrix q, Matrix k, Matrix v, Matrix context, Workspace w) {
    AttentionShape shape = new AttentionShape(batch.batch(), heads, batch.length(), batch.length());
    Matrix maps = w.maps.view(shape.rows(), shape.keys());
    compute.attention(
        Attention.WEIGHTS,
        Attention.Spec.DEFAULT,
        new Attention.Weights(
            shape, q, k, batch.lengths(), null, w.scores.view(shape.rows(), shape.keys()), maps));
    quantize(maps, maps);
    compute.attention(
        Attention.CONTEXT, Attention.Spec.DEFAULT, new Attention.Context(shape, maps, v, context));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;
import org.limbeck.kernels.op.GemmF32;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * attention: parameters heads (1), scale (1 / sqrt(width)), causal (false), masked_score (-10000);
 * inputs query [batch, queries, heads * width], key and value [batch, keys, heads * width], lengths
 * [batch], mask [batch, queries, keys], grad_context like query, grad_scores [batch, heads,
 * queries, keys]; expects scores and maps [batch, heads, queries, keys], context, grad_query,
 * grad_key, grad_value. Without grad_context no gradients.
 */
final class AttentionAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    List<Long> querySizes = call.shape("query", 3);
    long queries = querySizes.get(1);
    long keys = call.shape("key", 3).get(1);
    AttentionShape shape =
        new AttentionShape(querySizes.get(0), call.integer("heads", 1), queries, keys);
    Attention.Spec spec =
        new Attention.Spec(
            call.number("scale", Double.NaN),
            call.bool("causal", false),
            (float) call.number("masked_score", Attention.Spec.BERT_MASKED_SCORE),
            GemmF32.Precision.F32);
    Matrix query = call.input("query", DType.F32);
    Matrix key = call.input("key", DType.F32);
    Matrix value = call.input("value", DType.F32);
    Matrix maps = call.output("maps", DType.F32, shape.rows(), keys);
    call.run(
        Attention.WEIGHTS,
        spec,
        new Attention.Weights(
            shape,
            query,
            key,
            call.optionalVector("lengths", DType.I32),
            call.optional("mask", DType.U8),
            call.output("scores", DType.F32, shape.rows(), keys),
            maps));
    Matrix context = call.output("context", DType.F32, query.rows(), value.cols());
    call.run(Attention.CONTEXT, spec, new Attention.Context(shape, maps, value, context));
    if (call.has("grad_context")) {
      Matrix gradMaps = call.allocate(DType.F32, shape.rows(), keys);
      call.run(
          Attention.CONTEXT_BACKWARD,
          spec,
          new Attention.ContextBackward(
              shape,
              maps,
              value,
              call.input("grad_context", DType.F32),
              gradMaps,
              call.output("grad_value", DType.F32, value.rows(), value.cols())));
      call.run(
          Attention.WEIGHTS_BACKWARD,
          spec,
          new Attention.WeightsBackward(
              shape,
              query,
              key,
              maps,
              gradMaps,
              call.optional("grad_scores", DType.F32),
              call.output("grad_query", DType.F32, query.rows(), query.cols()),
              call.output("grad_key", DType.F32, key.rows(), key.cols())));
    }
  }
}

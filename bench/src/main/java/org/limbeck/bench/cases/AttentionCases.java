// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionShape;

/**
 * attention with its maps: 4 queries keys width flops forward for each example and head, twice that
 * backward, besides the softmax.
 *
 * <p>Bytes: queries, keys, values and context pass memory, and so do scores and maps, which the
 * losses want.
 */
final class AttentionCases extends StemCases {
  private static final double TOLERANCE = 2e-5;
  private static final double SOFTMAX_FLOPS = 20;

  AttentionCases() {
    super(
        "attention",
        "batch x heads x length x width",
        List.of("forward", "backward"),
        2,
        3,
        19,
        16);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    AttentionShape shape = new AttentionShape(size[0], size[1], size[2], size[2]);
    long positions = size[0] * size[2];
    long width = size[1] * size[3];
    double side = (double) positions * width;
    double maps = (double) shape.rows() * shape.keys();
    double products = 4 * maps * size[3];
    to.random("query", positions, width, 1)
        .random("key", positions, width, 1)
        .random("value", positions, width, 1)
        .scratch("scores", shape.rows(), shape.keys(), Part.WHOLE);
    if (mode.equals("forward")) {
      to.output("maps", shape.rows(), shape.keys(), TOLERANCE, Part.WHOLE)
          .output("context", positions, width, TOLERANCE, Part.WHOLE)
          .work(Work.f32(products + SOFTMAX_FLOPS * maps, 3 * side, side + 2 * maps))
          .call((limbeck, t) -> forward(limbeck, t, shape));
      return;
    }
    to.scratch("maps", shape.rows(), shape.keys(), Part.WHOLE)
        .scratch("context", positions, width, Part.WHOLE)
        .scratch("grad_maps", shape.rows(), shape.keys(), Part.WHOLE)
        .random("grad_context", positions, width, 1)
        .output("grad_query", positions, width, TOLERANCE, Part.WHOLE)
        .output("grad_key", positions, width, TOLERANCE, Part.WHOLE)
        .output("grad_value", positions, width, TOLERANCE, Part.WHOLE)
        .work(Work.f32(2 * products + 4 * maps, 4 * side + maps, 3 * side))
        .call(
            (limbeck, t) -> {
              forward(limbeck, t, shape).run();
              return backward(limbeck, t, shape);
            });
  }

  private static Runnable forward(Limbeck limbeck, Case t, AttentionShape s) {
    Operation<Attention.Spec, Attention.Weights> weights =
        limbeck.operation(Attention.WEIGHTS, Attention.Spec.DEFAULT);
    Operation<Attention.Spec, Attention.Context> context =
        limbeck.operation(Attention.CONTEXT, Attention.Spec.DEFAULT);
    Attention.Weights first =
        new Attention.Weights(
            s, t.of("query"), t.of("key"), null, null, t.of("scores"), t.of("maps"));
    Attention.Context second =
        new Attention.Context(s, t.of("maps"), t.of("value"), t.of("context"));
    return () -> {
      weights.run(first);
      context.run(second);
    };
  }

  private static Runnable backward(Limbeck limbeck, Case t, AttentionShape s) {
    Operation<Attention.Spec, Attention.ContextBackward> context =
        limbeck.operation(Attention.CONTEXT_BACKWARD, Attention.Spec.DEFAULT);
    Operation<Attention.Spec, Attention.WeightsBackward> weights =
        limbeck.operation(Attention.WEIGHTS_BACKWARD, Attention.Spec.DEFAULT);
    Attention.ContextBackward first =
        new Attention.ContextBackward(
            s,
            t.of("maps"),
            t.of("value"),
            t.of("grad_context"),
            t.of("grad_maps"),
            t.of("grad_value"));
    Attention.WeightsBackward second =
        new Attention.WeightsBackward(
            s,
            t.of("query"),
            t.of("key"),
            t.of("maps"),
            t.of("grad_maps"),
            null,
            t.of("grad_query"),
            t.of("grad_key"));
    return () -> {
      context.run(first);
      weights.run(second);
    };
  }
}

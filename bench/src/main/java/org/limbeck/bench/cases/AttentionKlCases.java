// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Attention;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.AttentionShape;

/**
 * attention_kl, value and gradient. From the scores it is one call: both scores read once, the
 * gradient written once; 60 flops an element. From queries and keys the scores of both models come
 * before it and the gradients of the student's queries and keys after it: three times two products
 * of 2 width flops an element, for which only queries and keys have to pass memory.
 */
public final class AttentionKlCases extends StemCases {
  /** The width of a head where scores are computed: that of BERT. */
  public static final long WIDTH = 64;

  /** The mode that begins with queries and keys. */
  public static final String FROM_QUERIES = "qk";

  // A gradient is at most 1 / (batch heads queries).
  private static final double TOLERANCE = 2e-6;
  private static final int FLOPS = 60;
  private static final int PRODUCTS = 4;

  AttentionKlCases() {
    super("attention_kl", "batch x heads x length", List.of("scores", FROM_QUERIES), 3, 2, 19);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    AttentionShape shape = new AttentionShape(size[0], size[1], size[2], size[2]);
    if (mode.equals(FROM_QUERIES)) {
      fromQueries(shape, to);
      return;
    }
    long rows = shape.rows();
    long keys = shape.keys();
    double elements = (double) rows * keys;
    to.random("student", rows, keys, 4)
        .random("teacher", rows, keys, 4)
        .output("gradient", rows, keys, TOLERANCE / rows, Part.WHOLE)
        .loss()
        .work(Work.f32(FLOPS * elements, 2 * elements, elements))
        .call((limbeck, t) -> loss(limbeck, t, shape));
  }

  private static void fromQueries(AttentionShape shape, Case to) {
    long rows = shape.rows();
    long keys = shape.keys();
    long positions = shape.batch() * shape.queries();
    long width = shape.heads() * WIDTH;
    double elements = (double) rows * keys;
    double side = (double) positions * width;
    for (String model : List.of("student", "teacher")) {
      // Scores of about one, as those of trained heads.
      to.random(model + "_q", positions, width, 1.5)
          .random(model + "_k", positions, width, 1.5)
          .scratch(model, rows, keys, Part.WHOLE)
          .scratch(model + "_maps", rows, keys, Part.WHOLE);
    }
    to.scratch("gradient", rows, keys, Part.WHOLE)
        .scratch("grad_maps", rows, keys, Part.WHOLE)
        .output("grad_q", positions, width, TOLERANCE / rows, Part.WHOLE)
        .output("grad_k", positions, width, TOLERANCE / rows, Part.WHOLE)
        .loss()
        .work(Work.f32((FLOPS + 2 * PRODUCTS * WIDTH) * elements, PRODUCTS * side, 2 * side))
        .call(
            (limbeck, t) -> {
              Runnable student = scores(limbeck, t, shape, "student");
              Runnable teacher = scores(limbeck, t, shape, "teacher");
              Runnable loss = loss(limbeck, t, shape);
              Runnable backward = backward(limbeck, t, shape);
              return () -> {
                student.run();
                teacher.run();
                loss.run();
                backward.run();
              };
            });
  }

  private static Runnable loss(Limbeck limbeck, Case t, AttentionShape shape) {
    Operation<AttentionKl.Spec, AttentionKl.Arguments> kl =
        limbeck.operation(AttentionKl.OP, AttentionKl.Spec.DEFAULT);
    AttentionKl.Arguments arguments =
        new AttentionKl.Arguments(
            shape, t.of("student"), t.of("teacher"), null, null, t.of("gradient"), t.of("loss"));
    return () -> kl.run(arguments);
  }

  private static Runnable scores(Limbeck limbeck, Case t, AttentionShape shape, String model) {
    Operation<Attention.Spec, Attention.Weights> weights =
        limbeck.operation(Attention.WEIGHTS, Attention.Spec.DEFAULT);
    Attention.Weights arguments =
        new Attention.Weights(
            shape,
            t.of(model + "_q"),
            t.of(model + "_k"),
            null,
            null,
            t.of(model),
            t.of(model + "_maps"));
    return () -> weights.run(arguments);
  }

  private static Runnable backward(Limbeck limbeck, Case t, AttentionShape shape) {
    Operation<Attention.Spec, Attention.WeightsBackward> weights =
        limbeck.operation(Attention.WEIGHTS_BACKWARD, Attention.Spec.DEFAULT);
    Matrix gradMaps = t.of("grad_maps");
    Attention.WeightsBackward arguments =
        new Attention.WeightsBackward(
            shape,
            t.of("student_q"),
            t.of("student_k"),
            t.of("student_maps"),
            gradMaps,
            t.of("gradient"),
            t.of("grad_q"),
            t.of("grad_k"));
    return () -> {
      // The maps themselves have no gradient; the call before has left one there.
      gradMaps.segment().fill((byte) 0);
      weights.run(arguments);
    };
  }
}

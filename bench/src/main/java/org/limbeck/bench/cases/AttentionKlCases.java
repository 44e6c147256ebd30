// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.AttentionKl;
import org.limbeck.kernels.op.AttentionShape;

/**
 * attention_kl from the scores, value and gradient in one call: both scores read once, the gradient
 * written once; 60 flops an element.
 */
final class AttentionKlCases extends StemCases {
  // A gradient is at most 1 / (batch heads queries).
  private static final double TOLERANCE = 2e-6;

  AttentionKlCases() {
    super("attention_kl", "batch x heads x length", List.of("scores"), 3, 2, 19);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    AttentionShape shape = new AttentionShape(size[0], size[1], size[2], size[2]);
    long rows = shape.rows();
    long keys = shape.keys();
    double elements = (double) rows * keys;
    to.random("student", rows, keys, 4)
        .random("teacher", rows, keys, 4)
        .output("gradient", rows, keys, TOLERANCE / rows, Part.WHOLE)
        .loss()
        .work(Work.f32(60 * elements, 2 * elements, elements))
        .call(
            (limbeck, t) -> {
              Operation<AttentionKl.Spec, AttentionKl.Arguments> kl =
                  limbeck.operation(AttentionKl.OP, AttentionKl.Spec.DEFAULT);
              AttentionKl.Arguments arguments =
                  new AttentionKl.Arguments(
                      shape,
                      t.of("student"),
                      t.of("teacher"),
                      null,
                      null,
                      t.of("gradient"),
                      t.of("loss"));
              return () -> kl.run(arguments);
            });
  }
}

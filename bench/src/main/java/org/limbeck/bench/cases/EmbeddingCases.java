// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.Embedding;

/**
 * embedding of scattered indices. Forward: a row of the table read and a row written for each
 * token. Backward: the gradient read, rows of the table's gradient read and written.
 */
final class EmbeddingCases extends StemCases {
  private static final double TOLERANCE = 1e-5;

  /** A prime beyond all vocabularies: consecutive tokens lie far apart. */
  private static final long STEP = 7_368_787;

  EmbeddingCases() {
    super("embedding", "tokens x vocabulary x width", List.of("forward", "backward"), 57, 101, 35);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long tokens = size[0];
    long vocabulary = size[1];
    long width = size[2];
    double elements = (double) tokens * width;
    to.indices("ids", tokens, i -> i * STEP % vocabulary);
    if (mode.equals("forward")) {
      to.random("table", vocabulary, width, 1)
          .output("y", tokens, width, 0, Part.ROWS)
          .rowsAlone(tokens)
          .work(Work.f32(elements, elements, elements))
          .call(
              (limbeck, t) -> {
                Operation<Embedding.Spec, Embedding.Forward> forward =
                    limbeck.operation(Embedding.FORWARD, Embedding.Spec.DEFAULT);
                Embedding.Forward arguments =
                    new Embedding.Forward(t.of("table"), t.of("ids"), t.of("y"));
                return () -> forward.run(arguments);
              });
      return;
    }
    to.random("grad_y", tokens, width, 1)
        .state("grad_table", vocabulary, width, 1, TOLERANCE)
        .work(Work.f32(2 * elements, 2 * elements, elements))
        .call(
            (limbeck, t) -> {
              Operation<Embedding.Spec, Embedding.Backward> backward =
                  limbeck.operation(Embedding.BACKWARD, Embedding.Spec.DEFAULT);
              Embedding.Backward arguments =
                  new Embedding.Backward(t.of("ids"), t.of("grad_y"), t.of("grad_table"));
              return () -> backward.run(arguments);
            });
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.Cosine;
import org.limbeck.kernels.op.Mse;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.RowLoss;

/**
 * mse and cosine, value and gradient in one call, mean over the rows: student and teacher read
 * once, the gradient written once.
 */
final class RowLossCases<S> extends StemCases {
  private static final double TOLERANCE = 2e-6;

  private final Op<S, RowLoss.Arguments> op;
  private final S spec;
  private final double flops;

  private RowLossCases(Op<S, RowLoss.Arguments> op, S spec, double flops) {
    super(op.stem(), "rows x cols", List.of("loss+gradient"), 13, 131);
    this.op = op;
    this.spec = spec;
    this.flops = flops;
  }

  static StemCases mse() {
    return new RowLossCases<>(Mse.OP, Mse.Spec.of(Normaliser.MEAN_ROWS), 3);
  }

  static StemCases cosine() {
    return new RowLossCases<>(
        Cosine.OP, new Cosine.Spec(Cosine.Mode.ONE_MINUS_COS, Normaliser.MEAN_ROWS), 10);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long rows = size[0];
    long cols = size[1];
    double elements = (double) rows * cols;
    to.random("student", rows, cols, 1)
        .random("teacher", rows, cols, 1)
        .output("gradient", rows, cols, TOLERANCE / rows, Part.WHOLE)
        .loss()
        .work(Work.f32(flops * elements, 2 * elements, elements))
        .call(
            (limbeck, t) -> {
              Operation<S, RowLoss.Arguments> loss = limbeck.operation(op, spec);
              RowLoss.Arguments arguments =
                  new RowLoss.Arguments(
                      t.of("student"), t.of("teacher"), null, t.of("gradient"), null, t.of("loss"));
              return () -> loss.run(arguments);
            });
  }
}

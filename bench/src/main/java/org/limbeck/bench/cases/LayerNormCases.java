// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.LayerNorm;

/**
 * layer_norm with BERT's epsilon. Forward: inputs read once, outputs written once, 9 flops an
 * element. Backward: inputs and the gradient read once, the gradient written once, 14 flops; its
 * sums over the rows for scale and shift are zeroed by no one and grow, which costs nothing.
 */
final class LayerNormCases extends StemCases {
  private static final double TOLERANCE = 1e-5;

  LayerNormCases() {
    super("layer_norm", "rows x cols", List.of("forward", "backward"), 13, 131);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long rows = size[0];
    long cols = size[1];
    double elements = (double) rows * cols;
    LayerNorm.Spec spec = new LayerNorm.Spec(LayerNorm.Spec.DEFAULT_EPSILON);
    to.random("x", rows, cols, 3, Part.ROWS)
        .random("gamma", 1, cols, 1)
        .random("beta", 1, cols, 1)
        .scratch("mean", 1, rows, Part.COLUMNS)
        .scratch("rstd", 1, rows, Part.COLUMNS);
    if (mode.equals("forward")) {
      to.output("y", rows, cols, TOLERANCE, Part.ROWS)
          .rowsAlone(rows)
          .work(Work.f32(9 * elements, elements, elements))
          .call(
              (limbeck, t) -> {
                Operation<LayerNorm.Spec, LayerNorm.Forward> forward =
                    limbeck.operation(LayerNorm.FORWARD, spec);
                LayerNorm.Forward arguments = forward(t);
                return () -> forward.run(arguments);
              });
      return;
    }
    to.scratch("y", rows, cols, Part.ROWS)
        .random("grad_y", rows, cols, 1, Part.ROWS)
        .output("grad_x", rows, cols, TOLERANCE, Part.ROWS)
        .state("grad_gamma", 1, cols, 1, TOLERANCE * Math.sqrt(rows))
        .state("grad_beta", 1, cols, 1, TOLERANCE * Math.sqrt(rows))
        .rowsAlone(rows)
        .work(Work.f32(14 * elements, 2 * elements, elements))
        .call(
            (limbeck, t) -> {
              limbeck.operation(LayerNorm.FORWARD, spec).run(forward(t));
              Operation<LayerNorm.Spec, LayerNorm.Backward> backward =
                  limbeck.operation(LayerNorm.BACKWARD, spec);
              LayerNorm.Backward arguments =
                  new LayerNorm.Backward(
                      t.of("x"),
                      t.of("gamma"),
                      t.of("mean"),
                      t.of("rstd"),
                      t.of("grad_y"),
                      t.of("grad_x"),
                      t.of("grad_gamma"),
                      t.of("grad_beta"));
              return () -> backward.run(arguments);
            });
  }

  private static LayerNorm.Forward forward(Case t) {
    return new LayerNorm.Forward(
        t.of("x"), t.of("gamma"), t.of("beta"), t.of("y"), t.of("mean"), t.of("rstd"));
  }
}

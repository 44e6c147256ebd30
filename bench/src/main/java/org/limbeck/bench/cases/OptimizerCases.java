// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.OptimizerStep;

/**
 * adamw and bert_adam, the first step from moments of zero and the same step again and again: four
 * tensors read, three written; bert_adam reads the gradient once more for its norm.
 */
final class OptimizerCases<S> extends StemCases {
  private static final double TOLERANCE = 1e-6;
  private static final double LEARNING_RATE = 1e-4;

  private final Op<S, OptimizerStep.Arguments> op;
  private final S spec;
  private final double flops;
  private final int reads;

  private OptimizerCases(Op<S, OptimizerStep.Arguments> op, S spec, double flops, int reads) {
    super(op.stem(), "rows x cols", List.of("step"), 13, 131);
    this.op = op;
    this.spec = spec;
    this.flops = flops;
    this.reads = reads;
  }

  static StemCases adamw() {
    return new OptimizerCases<>(AdamW.OP, AdamW.Spec.DEFAULT, 14, 4);
  }

  static StemCases bertAdam() {
    return new OptimizerCases<>(BertAdam.OP, BertAdam.Spec.DEFAULT, 17, 5);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long rows = size[0];
    long cols = size[1];
    double elements = (double) rows * cols;
    to.state("parameter", rows, cols, 1, TOLERANCE)
        .random("gradient", rows, cols, 1)
        .state("first_moment", rows, cols, 0, TOLERANCE)
        .state("second_moment", rows, cols, 0, TOLERANCE)
        .work(Work.f32(flops * elements, reads * elements, 3 * elements))
        .call(
            (limbeck, t) -> {
              Operation<S, OptimizerStep.Arguments> step = limbeck.operation(op, spec);
              OptimizerStep.Arguments arguments =
                  new OptimizerStep.Arguments(
                      t.of("parameter"),
                      t.of("gradient"),
                      t.of("first_moment"),
                      t.of("second_moment"),
                      1,
                      LEARNING_RATE);
              return () -> step.run(arguments);
            });
  }
}

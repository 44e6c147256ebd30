// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.Dropout;

/**
 * dropout with p = 0.1: one pass that reads and writes; a random word of about 25 integer
 * operations an element, counted like flops.
 */
final class DropoutCases extends StemCases {
  private static final Dropout.Spec SPEC = new Dropout.Spec(0.1);
  private static final long SEED = 17;
  private static final long STREAM = 3;

  DropoutCases() {
    super("dropout", "rows x cols", List.of("forward", "backward"), 13, 131);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long rows = size[0];
    long cols = size[1];
    double elements = (double) rows * cols;
    to.work(Work.f32(25 * elements, elements, elements));
    if (mode.equals("forward")) {
      to.random("x", rows, cols, 1)
          .output("y", rows, cols, 0, Part.WHOLE)
          .call(
              (limbeck, t) -> {
                Operation<Dropout.Spec, Dropout.Forward> forward =
                    limbeck.operation(Dropout.FORWARD, SPEC);
                Dropout.Forward arguments =
                    new Dropout.Forward(t.of("x"), null, t.of("y"), SEED, STREAM);
                return () -> forward.run(arguments);
              });
      return;
    }
    to.random("grad_y", rows, cols, 1)
        .output("grad_x", rows, cols, 0, Part.WHOLE)
        .call(
            (limbeck, t) -> {
              Operation<Dropout.Spec, Dropout.Backward> backward =
                  limbeck.operation(Dropout.BACKWARD, SPEC);
              Dropout.Backward arguments =
                  new Dropout.Backward(t.of("grad_y"), t.of("grad_x"), SEED, STREAM);
              return () -> backward.run(arguments);
            });
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.FakeQuant;

/**
 * fake_quant with clip 2.5.
 *
 * <p>Necessary passes over a tensor. Ternary forward: three reads, because the mean of |x| comes
 * before the mean of what lies above 0.7 of it, and that before the result; one write. 8-bit
 * forward: two reads, the largest |x| and then the result; one read where a group is a row, which a
 * cache holds; one write. Backward: x and the gradient are read, the gradient written. 8 flops an
 * element forward, 2 backward.
 */
final class FakeQuantCases extends StemCases {
  private static final float CLIP = 2.5f;
  private static final double TOLERANCE = 1e-5;
  private static final String BACKWARD = ".backward";

  FakeQuantCases() {
    super(
        "fake_quant",
        "rows x cols",
        List.of(
            "ternary.forward",
            "ternary" + BACKWARD,
            "symmetric8.forward",
            "symmetric8" + BACKWARD,
            "symmetric8_row.forward"),
        // Large enough that it is split in pieces, as the measured ones are.
        257,
        515);
  }

  private static FakeQuant.Spec spec(String scheme) {
    return switch (scheme) {
      case "ternary" -> FakeQuant.Spec.ternary(FakeQuant.Group.TENSOR, CLIP);
      case "symmetric8" -> FakeQuant.Spec.symmetric(8, FakeQuant.Group.TENSOR, CLIP);
      default -> FakeQuant.Spec.symmetric(8, FakeQuant.Group.ROW, CLIP);
    };
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long rows = size[0];
    long cols = size[1];
    double elements = (double) rows * cols;
    String scheme = mode.substring(0, mode.indexOf('.'));
    FakeQuant.Spec spec = spec(scheme);
    to.random("x", rows, cols, 3);
    if (mode.endsWith(BACKWARD)) {
      to.random("grad_y", rows, cols, 1)
          .output("grad_x", rows, cols, TOLERANCE, Part.WHOLE)
          .work(Work.f32(2 * elements, 2 * elements, elements))
          .call(
              (limbeck, t) -> {
                Operation<FakeQuant.Spec, FakeQuant.Backward> backward =
                    limbeck.operation(FakeQuant.BACKWARD, spec);
                FakeQuant.Backward arguments =
                    FakeQuant.Backward.of(t.of("x"), t.of("grad_y"), t.of("grad_x"));
                return () -> backward.run(arguments);
              });
      return;
    }
    int reads =
        switch (scheme) {
          case "ternary" -> 3;
          case "symmetric8" -> 2;
          default -> 1;
        };
    to.output("y", rows, cols, TOLERANCE, Part.WHOLE)
        .work(Work.f32(8 * elements, reads * elements, elements))
        .call(
            (limbeck, t) -> {
              Operation<FakeQuant.Spec, FakeQuant.Forward> forward =
                  limbeck.operation(FakeQuant.FORWARD, spec);
              FakeQuant.Forward arguments = FakeQuant.Forward.of(t.of("x"), t.of("y"));
              return () -> forward.run(arguments);
            });
  }
}

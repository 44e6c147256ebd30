// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import java.util.Locale;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.SoftmaxKl;

/**
 * softmax_kl, value and gradient in one call at T = 4 with Hinton's factor of 16: student and
 * teacher read once, the gradient written once; 50 flops an element.
 */
final class SoftmaxKlCases extends StemCases {
  private static final String GRADIENT = "+gradient";
  private static final double TEMPERATURE = 4;

  // Gradients are T (p - q), at most 4: float32 exponentials leave a few times 1e-7 of p.
  private static final double TOLERANCE = 4e-6;

  SoftmaxKlCases() {
    super(
        "softmax_kl",
        "rows x vocabulary",
        List.of("forward_kl" + GRADIENT, "reverse_kl" + GRADIENT),
        7,
        1003);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long rows = size[0];
    long cols = size[1];
    double elements = (double) rows * cols;
    SoftmaxKl.Spec spec =
        SoftmaxKl.Spec.builder()
            .mode(
                SoftmaxKl.Mode.valueOf(
                    mode.substring(0, mode.length() - GRADIENT.length()).toUpperCase(Locale.ROOT)))
            .temperature(TEMPERATURE)
            .scale(TEMPERATURE * TEMPERATURE)
            .build();
    to.random("student", rows, cols, 8, Part.ROWS)
        .random("teacher", rows, cols, 8, Part.ROWS)
        .output("gradient", rows, cols, TOLERANCE, Part.ROWS)
        .loss()
        .rowsAlone(rows)
        .work(Work.f32(50 * elements, 2 * elements, elements))
        .call(
            (limbeck, t) -> {
              Operation<SoftmaxKl.Spec, SoftmaxKl.Arguments> kl =
                  limbeck.operation(SoftmaxKl.OP, spec);
              SoftmaxKl.Arguments arguments =
                  SoftmaxKl.Arguments.of(t.of("student"), t.of("teacher"))
                      .gradStudent(t.of("gradient"))
                      .loss(t.of("loss"))
                      .build();
              return () -> kl.run(arguments);
            });
  }
}

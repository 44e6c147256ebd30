// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import java.util.Locale;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.bench.cases.Work.Arithmetic;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.op.SoftmaxKl;

/**
 * softmax_kl, value and gradient in one call at T = 4 with Hinton's factor of 16: student and
 * teacher read once, the gradient written once; 50 flops an element. Logits and gradient are
 * float32, or bfloat16 where the mode says so.
 */
final class SoftmaxKlCases extends StemCases {
  private static final String GRADIENT = "+gradient";
  private static final String BF16 = ".bf16";
  private static final double TEMPERATURE = 4;

  // Gradients are T (p - q), at most 4: float32 exponentials leave a few times 1e-7 of p.
  private static final double TOLERANCE = 4e-6;

  SoftmaxKlCases() {
    super(
        "softmax_kl",
        "rows x vocabulary",
        List.of("forward_kl" + GRADIENT, "reverse_kl" + GRADIENT, "forward_kl" + GRADIENT + BF16),
        7,
        1003);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long rows = size[0];
    long cols = size[1];
    double elements = (double) rows * cols;
    boolean bf16 = mode.endsWith(BF16);
    DType type = bf16 ? DType.BF16 : DType.F32;
    String divergence = mode.substring(0, mode.indexOf(GRADIENT));
    SoftmaxKl.Spec spec =
        SoftmaxKl.Spec.builder()
            .mode(SoftmaxKl.Mode.valueOf(divergence.toUpperCase(Locale.ROOT)))
            .logits(type)
            .temperature(TEMPERATURE)
            .scale(TEMPERATURE * TEMPERATURE)
            .build();
    to.random("student", type, rows, cols, 8, Part.ROWS)
        .random("teacher", type, rows, cols, 8, Part.ROWS);
    if (bf16) {
      to.rounded("gradient", rows, cols, TOLERANCE, Part.ROWS);
    } else {
      to.output("gradient", rows, cols, TOLERANCE, Part.ROWS);
    }
    to.loss()
        .rowsAlone(rows)
        .work(
            new Work(
                Arithmetic.FMA,
                50 * elements,
                2 * elements * type.bytes(),
                elements * type.bytes()))
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

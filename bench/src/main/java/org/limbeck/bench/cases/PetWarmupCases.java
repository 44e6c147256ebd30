// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.util.List;
import org.limbeck.bench.cases.Case.Part;
import org.limbeck.kernels.Operation;
import org.limbeck.kernels.op.Normaliser;
import org.limbeck.kernels.op.PetWarmup;

/**
 * pet_warmup, value and gradient in one call: logits read once, the gradient written once; an
 * exponential of about 10 flops and 10 more an element.
 */
final class PetWarmupCases extends StemCases {
  private static final double TOLERANCE = 4e-6;

  PetWarmupCases() {
    super("pet_warmup", "rows x vocabulary", List.of("loss+gradient"), 7, 1003);
  }

  @Override
  void build(String mode, long[] size, Case to) {
    long rows = size[0];
    long vocabulary = size[1];
    double elements = (double) rows * vocabulary;
    PetWarmup.Spec spec = new PetWarmup.Spec(0, Normaliser.SUM);
    to.random("student", rows, vocabulary, 8, Part.ROWS)
        .indices("gold", rows, r -> r * 7919 % vocabulary)
        .indices("label", rows, r -> r % PetWarmup.CLASSES)
        .output("gradient", rows, vocabulary, TOLERANCE, Part.ROWS)
        .loss()
        .rowsAlone(rows)
        .work(Work.f32(20 * elements, elements, elements))
        .call(
            (limbeck, t) -> {
              Operation<PetWarmup.Spec, PetWarmup.Arguments> loss =
                  limbeck.operation(PetWarmup.OP, spec);
              PetWarmup.Arguments arguments =
                  new PetWarmup.Arguments(
                      t.of("student"),
                      t.of("gold"),
                      t.of("label"),
                      null,
                      t.of("gradient"),
                      null,
                      t.of("loss"));
              return () -> loss.run(arguments);
            });
  }
}

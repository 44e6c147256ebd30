// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.util.function.Supplier;
import org.limbeck.kernels.backend.KernelTable;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.OptimizerStep;

/** adamw in CUDA: {@code cuda/src/adamw}. */
final class CudaAdamW {
  private static final String NAME = "adamw";
  private static final KernelSignature STEP = AdamStep.signature(NAME);

  static final Stem STEM = new Stem(NAME, CudaAdamW::register, STEP);

  private CudaAdamW() {}

  private static void register(KernelTable table, Supplier<Context> context) {
    table.add(AdamW.OP, spec -> kernel(context.get(), spec));
  }

  private static Kernel<OptimizerStep.Arguments> kernel(Context context, AdamW.Spec spec) {
    AdamStep step = new AdamStep(context, STEP, spec.beta1(), spec.beta2(), spec.epsilon());
    return (a, pool) -> {
      double firstCorrection = 1 - Math.pow(spec.beta1(), a.step());
      double secondCorrection = 1 - Math.pow(spec.beta2(), a.step());
      step.run(
          a,
          0,
          a.learningRate() * spec.weightDecay(),
          a.learningRate() / firstCorrection,
          1 / Math.sqrt(secondCorrection));
    };
  }
}

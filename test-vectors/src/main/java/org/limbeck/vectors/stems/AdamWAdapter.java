// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.op.AdamW;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * adamw: parameters beta1 (0.9), beta2 (0.999), eps (1e-8), weight_decay (0.01), and those of
 * {@link OptimizerCalls}; inputs w, g, m, v; expects w, m, v.
 */
final class AdamWAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    AdamW.Spec defaults = AdamW.Spec.DEFAULT;
    AdamW.Spec spec =
        new AdamW.Spec(
            call.number("beta1", defaults.beta1()),
            call.number("beta2", defaults.beta2()),
            call.number("eps", defaults.epsilon()),
            call.number("weight_decay", defaults.weightDecay()));
    OptimizerCalls.run(call, AdamW.OP, spec);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.stems;

import org.limbeck.kernels.op.BertAdam;
import org.limbeck.vectors.CaseCall;
import org.limbeck.vectors.StemAdapter;

/**
 * bert_adam: parameters beta1 (0.9), beta2 (0.999), eps (1e-6), weight_decay (0.01), max_norm (1;
 * the string Infinity for none), and those of {@link OptimizerCalls}; inputs w, g, m, v; expects w,
 * m, v.
 */
final class BertAdamAdapter implements StemAdapter {
  @Override
  public void run(CaseCall call) {
    BertAdam.Spec defaults = BertAdam.Spec.DEFAULT;
    BertAdam.Spec spec =
        new BertAdam.Spec(
            call.number("beta1", defaults.beta1()),
            call.number("beta2", defaults.beta2()),
            call.number("eps", defaults.epsilon()),
            call.number("weight_decay", defaults.weightDecay()),
            call.number("max_norm", defaults.maxNorm()));
    OptimizerCalls.run(call, BertAdam.OP, spec);
  }
}

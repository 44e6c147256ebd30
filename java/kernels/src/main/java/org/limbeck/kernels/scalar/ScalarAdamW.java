// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.AdamW;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.OptimizerStep;

/**
 * adamw, reference. w -= l weightDecay w; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2)
 * g^2; w -= l (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).
 *
 * <p>w, g, m, v f32 [rows, cols], any row stride; w, m, v are updated, none overlaps another. In
 * double; m and v are rounded once when stored, and w is computed from the stored values. NaN stays
 * in its element. One thread. 14 flops, a root and two divisions an element; reads 4 rows cols,
 * writes 3 rows cols floats.
 */
final class ScalarAdamW {
  private ScalarAdamW() {}

  static Kernel<OptimizerStep.Arguments> kernel(AdamW.Spec spec) {
    return (a, pool) -> {
      double firstCorrection = 1 - Math.pow(spec.beta1(), (double) a.step());
      double secondCorrection = 1 - Math.pow(spec.beta2(), (double) a.step());
      Matrix w = a.parameter();
      for (long r = 0; r < w.rows(); r++) {
        for (long c = 0; c < w.cols(); c++) {
          double g = a.gradient().getFloat(r, c);
          float m =
              (float) (spec.beta1() * a.firstMoment().getFloat(r, c) + (1 - spec.beta1()) * g);
          float v =
              (float) (spec.beta2() * a.secondMoment().getFloat(r, c) + (1 - spec.beta2()) * g * g);
          double update = m / firstCorrection / (Math.sqrt(v / secondCorrection) + spec.epsilon());
          double decayed = w.getFloat(r, c) * (1 - a.learningRate() * spec.weightDecay());
          w.setFloat(r, c, (float) (decayed - a.learningRate() * update));
          a.firstMoment().setFloat(r, c, m);
          a.secondMoment().setFloat(r, c, v);
        }
      }
    };
  }
}

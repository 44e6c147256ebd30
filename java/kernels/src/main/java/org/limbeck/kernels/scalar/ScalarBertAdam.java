// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.BertAdam;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.OptimizerStep;

/**
 * bert_adam, reference. g' = g min(1, maxNorm / (|g| + 1e-6)), |g| over the whole tensor; m = beta1
 * m + (1 - beta1) g'; v = beta2 v + (1 - beta2) g'^2; w -= l (m / (sqrt(v) + epsilon) + weightDecay
 * w).
 *
 * <p>w, g, m, v f32 [rows, cols], any row stride; w, m, v are updated, none overlaps another. In
 * double; m and v are rounded once when stored, and w is computed from the stored values. NaN in g
 * makes all of w, m and v NaN, unless maxNorm is infinite: then the norm is not taken. One thread.
 * 15 flops, a root and a division an element; reads 5 rows cols, writes 3 rows cols floats.
 */
final class ScalarBertAdam {
  private static final double NORM_GUARD = 1e-6;

  private ScalarBertAdam() {}

  static Kernel<OptimizerStep.Arguments> kernel(BertAdam.Spec spec) {
    return (a, pool) -> {
      double factor = clipFactor(spec, a.gradient());
      Matrix w = a.parameter();
      for (long r = 0; r < w.rows(); r++) {
        for (long c = 0; c < w.cols(); c++) {
          double g = a.gradient().getFloat(r, c) * factor;
          float m =
              (float) (spec.beta1() * a.firstMoment().getFloat(r, c) + (1 - spec.beta1()) * g);
          float v =
              (float) (spec.beta2() * a.secondMoment().getFloat(r, c) + (1 - spec.beta2()) * g * g);
          double update = m / (Math.sqrt(v) + spec.epsilon());
          double decayed = w.getFloat(r, c) * (1 - a.learningRate() * spec.weightDecay());
          w.setFloat(r, c, (float) (decayed - a.learningRate() * update));
          a.firstMoment().setFloat(r, c, m);
          a.secondMoment().setFloat(r, c, v);
        }
      }
    };
  }

  private static double clipFactor(BertAdam.Spec spec, Matrix gradient) {
    if (Double.isInfinite(spec.maxNorm())) {
      return 1;
    }
    double squares = 0;
    for (long r = 0; r < gradient.rows(); r++) {
      for (long c = 0; c < gradient.cols(); c++) {
        double g = gradient.getFloat(r, c);
        squares += g * g;
      }
    }
    return Math.min(1, spec.maxNorm() / (Math.sqrt(squares) + NORM_GUARD));
  }
}

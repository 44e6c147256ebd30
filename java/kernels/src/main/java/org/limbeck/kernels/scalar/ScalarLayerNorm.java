// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.LayerNorm;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * layer_norm, reference. xhat = (x - mean) rstd, rstd = 1 / sqrt(mean((x - mean)^2) + epsilon), y =
 * gamma xhat + beta. Backward, g = gradY gamma: gradX = rstd (g - mean(g) - xhat mean(g xhat));
 * gradGamma += sum over rows of gradY xhat, gradBeta += sum over rows of gradY.
 *
 * <p>x, y, gradY, gradX f32 [rows, cols], any row stride; gamma, beta, gradGamma, gradBeta f32 [1,
 * cols]; mean, rstd f32 [1, rows]. y may be x, gradX may be gradY. NaN or an infinity makes its row
 * NaN. Sums in double, one rounding at the end. One thread. 8 rows cols flops forward, 13 backward;
 * reads rows cols (backward twice that), writes rows cols floats.
 */
final class ScalarLayerNorm {
  private ScalarLayerNorm() {}

  static Kernel<LayerNorm.Forward> forward(LayerNorm.Spec spec) {
    return (a, pool) -> {
      Matrix x = a.x();
      long cols = x.cols();
      for (long r = 0; r < x.rows(); r++) {
        double sum = 0;
        for (long c = 0; c < cols; c++) {
          sum += x.getFloat(r, c);
        }
        double mean = sum / cols;
        double squares = 0;
        for (long c = 0; c < cols; c++) {
          double d = x.getFloat(r, c) - mean;
          squares += d * d;
        }
        double rstd = 1 / Math.sqrt(squares / cols + spec.epsilon());
        for (long c = 0; c < cols; c++) {
          double xhat = (x.getFloat(r, c) - mean) * rstd;
          double y = a.gamma().getFloat(0, c) * xhat + a.beta().getFloat(0, c);
          a.y().setFloat(r, c, (float) y);
        }
        a.mean().setFloat(0, r, (float) mean);
        a.rstd().setFloat(0, r, (float) rstd);
      }
    };
  }

  static void backward(LayerNorm.Backward a, WorkerPool pool) {
    // Before gradX, which may be gradY.
    parameters(a);
    Matrix x = a.x();
    long cols = x.cols();
    for (long r = 0; r < x.rows(); r++) {
      double sum = 0;
      double dot = 0;
      for (long c = 0; c < cols; c++) {
        double g = (double) a.gradY().getFloat(r, c) * a.gamma().getFloat(0, c);
        sum += g;
        dot += g * xhat(a, r, c);
      }
      for (long c = 0; c < cols; c++) {
        double g = (double) a.gradY().getFloat(r, c) * a.gamma().getFloat(0, c);
        double gradX = a.rstd().getFloat(0, r) * (g - sum / cols - xhat(a, r, c) * dot / cols);
        a.gradX().setFloat(r, c, (float) gradX);
      }
    }
  }

  private static void parameters(LayerNorm.Backward a) {
    for (long c = 0; c < a.x().cols(); c++) {
      double gamma = a.gradGamma().getFloat(0, c);
      double beta = a.gradBeta().getFloat(0, c);
      for (long r = 0; r < a.x().rows(); r++) {
        gamma += a.gradY().getFloat(r, c) * xhat(a, r, c);
        beta += a.gradY().getFloat(r, c);
      }
      a.gradGamma().setFloat(0, c, (float) gamma);
      a.gradBeta().setFloat(0, c, (float) beta);
    }
  }

  private static double xhat(LayerNorm.Backward a, long r, long c) {
    return ((double) a.x().getFloat(r, c) - a.mean().getFloat(0, r)) * a.rstd().getFloat(0, r);
  }
}

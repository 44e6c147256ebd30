// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code layer_norm}: each row is shifted and scaled to mean 0 and variance 1, then gets a
 * learned scale and shift (Ba, Kiros and Hinton, arXiv 1607.06450).
 *
 * <p>mu = mean(x), rstd = 1 / sqrt(mean((x - mu)^2) + epsilon), xhat = (x - mu) * rstd, y = gamma *
 * xhat + beta. Backward, with g = gradY * gamma: gradX = rstd * (g - mean(g) - xhat * mean(g *
 * xhat)); gradGamma += sum over rows of gradY * xhat; gradBeta += sum over rows of gradY. The
 * variance is the biased one, computed around the mean in two passes. NaN spreads to its own row of
 * y and gradX, and to gradGamma and gradBeta.
 *
 * <p><b>Accuracy.</b> At most twice the error of a plain float32 implementation, three times for
 * gradients. <b>Determinism.</b> The same bits with any number of threads.
 */
public final class LayerNorm {
  /** The forward operation. */
  public static final Op<Spec, Forward> FORWARD =
      new Op<>("layer_norm", "forward", LayerNorm::check);

  /** The backward operation. */
  public static final Op<Spec, Backward> BACKWARD =
      new Op<>("layer_norm", "backward", LayerNorm::check);

  private LayerNorm() {}

  /**
   * The options.
   *
   * @param epsilon added to the variance inside the root, at least 0; BERT uses 1e-12
   */
  public record Spec(double epsilon) {
    /** BERT's epsilon. */
    public static final double DEFAULT_EPSILON = 1e-12;

    /** Checks epsilon. */
    public Spec {
      ArgumentChecks.notNegative("layer_norm", "epsilon", epsilon);
    }
  }

  /**
   * Arguments of the forward operation.
   *
   * @param x inputs, F32 [rows, cols]
   * @param gamma scale, F32 [1, cols]
   * @param beta shift, F32 [1, cols]
   * @param y outputs, F32 [rows, cols], written; {@code x} itself or separate memory
   * @param mean row means for the backward operation, F32 [1, rows], written
   * @param rstd reciprocal row deviations for the backward operation, F32 [1, rows], written
   */
  public record Forward(Matrix x, Matrix gamma, Matrix beta, Matrix y, Matrix mean, Matrix rstd) {}

  /**
   * Arguments of the backward operation.
   *
   * @param x inputs of the forward operation, F32 [rows, cols]
   * @param gamma scale, F32 [1, cols]
   * @param mean row means of the forward operation, F32 [1, rows]
   * @param rstd reciprocal row deviations of the forward operation, F32 [1, rows]
   * @param gradY gradient of the loss by y, F32 [rows, cols]
   * @param gradX gradient of the loss by x, F32 [rows, cols], written; {@code gradY} itself or
   *     separate memory
   * @param gradGamma gradient of the loss by gamma, F32 [1, cols], added to
   * @param gradBeta gradient of the loss by beta, F32 [1, cols], added to
   */
  public record Backward(
      Matrix x,
      Matrix gamma,
      Matrix mean,
      Matrix rstd,
      Matrix gradY,
      Matrix gradX,
      Matrix gradGamma,
      Matrix gradBeta) {}

  private static void check(Spec spec, Forward a, ArgumentChecks checks) {
    checks.present("x", a.x(), DType.F32);
    long rows = a.x().rows();
    long cols = a.x().cols();
    checks.vector("gamma", a.gamma(), DType.F32, cols);
    checks.vector("beta", a.beta(), DType.F32, cols);
    checks.matrix("y", a.y(), DType.F32, rows, cols);
    checks.vector("mean", a.mean(), DType.F32, rows);
    checks.vector("rstd", a.rstd(), DType.F32, rows);
    checks.disjointOrSame("y", a.y(), "x", a.x());
    checks.disjoint("y", a.y(), "gamma", a.gamma());
    checks.disjoint("y", a.y(), "beta", a.beta());
    checks.disjoint("mean", a.mean(), "x", a.x());
    checks.disjoint("mean", a.mean(), "y", a.y());
    checks.disjoint("rstd", a.rstd(), "x", a.x());
    checks.disjoint("rstd", a.rstd(), "y", a.y());
    checks.disjoint("rstd", a.rstd(), "mean", a.mean());
    checks.disjoint("mean", a.mean(), "gamma", a.gamma());
    checks.disjoint("mean", a.mean(), "beta", a.beta());
    checks.disjoint("rstd", a.rstd(), "gamma", a.gamma());
    checks.disjoint("rstd", a.rstd(), "beta", a.beta());
  }

  private static void check(Spec spec, Backward a, ArgumentChecks checks) {
    checks.present("x", a.x(), DType.F32);
    long rows = a.x().rows();
    long cols = a.x().cols();
    checks.vector("gamma", a.gamma(), DType.F32, cols);
    checks.vector("mean", a.mean(), DType.F32, rows);
    checks.vector("rstd", a.rstd(), DType.F32, rows);
    checks.matrix("gradY", a.gradY(), DType.F32, rows, cols);
    checks.matrix("gradX", a.gradX(), DType.F32, rows, cols);
    checks.vector("gradGamma", a.gradGamma(), DType.F32, cols);
    checks.vector("gradBeta", a.gradBeta(), DType.F32, cols);
    checks.disjointOrSame("gradX", a.gradX(), "gradY", a.gradY());
    disjointFromInputs("gradX", a.gradX(), a, checks);
    disjointFromInputs("gradGamma", a.gradGamma(), a, checks);
    disjointFromInputs("gradBeta", a.gradBeta(), a, checks);
    checks.disjoint("gradGamma", a.gradGamma(), "gradX", a.gradX());
    checks.disjoint("gradGamma", a.gradGamma(), "gradY", a.gradY());
    checks.disjoint("gradBeta", a.gradBeta(), "gradX", a.gradX());
    checks.disjoint("gradBeta", a.gradBeta(), "gradY", a.gradY());
    checks.disjoint("gradBeta", a.gradBeta(), "gradGamma", a.gradGamma());
  }

  private static void disjointFromInputs(
      String argument, Matrix output, Backward a, ArgumentChecks checks) {
    checks.disjoint(argument, output, "x", a.x());
    checks.disjoint(argument, output, "gamma", a.gamma());
    checks.disjoint(argument, output, "mean", a.mean());
    checks.disjoint(argument, output, "rstd", a.rstd());
  }
}

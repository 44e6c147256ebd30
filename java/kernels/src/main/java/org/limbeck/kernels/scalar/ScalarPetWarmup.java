// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.scalar;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.Kernel;
import org.limbeck.kernels.op.PetWarmup.Arguments;
import org.limbeck.kernels.op.PetWarmup.Spec;
import org.limbeck.kernels.parallel.WorkerPool;

/**
 * pet_warmup, reference. Sum over the pairs (i, s) = (argmax, kappa) and (gold, rho) of the binary
 * cross entropy of x = softmax(z)_i with target s. With t = z_i - log sum over k != i of exp z_k: x
 * = sigmoid(t), so that - log x = softplus(-t) and - log(1 - x) = softplus(t), both without
 * cancellation. Gradient: x - s at i, -(x - s) exp(z_j) / (sum over k != i of exp z_k) elsewhere.
 *
 * <p>student, gradStudent f32 [rows, vocab], any row stride, the gradient may lie over the logits;
 * gold, label i64 [1, rows]. The argmax is the lowest index of a tie. A row of weight 0 is not
 * read. NaN, +infinity or no finite logit makes its row NaN. Where all logits but i are -infinity,
 * 1 - x is 0: it costs +infinity unless its target is 0, and the others have gradient 0.
 *
 * <p>All in double, one rounding at the end. One thread. 4 exps an element; reads a row up to six
 * times, writes one.
 */
public final class ScalarPetWarmup implements Kernel<Arguments> {
  private final Spec spec;

  ScalarPetWarmup(Spec spec) {
    this.spec = spec;
  }

  @Override
  public void run(Arguments a, WorkerPool pool) {
    double factor = spec.normaliser().factor(a.student().rows(), a.rowWeight());
    double sum = 0;
    for (long r = 0; r < a.student().rows(); r++) {
      float weight = a.rowWeight() == null ? 1 : a.rowWeight().getFloat(0, r);
      double loss = row(a, r, weight, factor);
      sum += weight == 0 ? 0 : weight * loss;
      if (a.rowLoss() != null) {
        a.rowLoss().setDouble(0, r, loss);
      }
    }
    if (a.loss() != null) {
      a.loss().setDouble(0, 0, factor == 0 ? 0 : sum * factor);
    }
  }

  /** Writes the gradient of a row and returns its loss, before the factors. */
  private double row(Arguments a, long r, float weight, double factor) {
    if (weight == 0) {
      fillGradient(a, r, 0);
      return 0;
    }
    Matrix z = a.student();
    long top = argmax(z, r);
    long gold = a.gold().getLong(0, r);
    long label = a.label().getLong(0, r);
    double kappa = kappa(label, spec);
    double rho = rho(label, spec);
    if (Float.isInfinite(z.getFloat(r, top))) {
      fillGradient(a, r, factor == 0 ? 0 : Float.NaN);
      return Double.NaN;
    }
    double lseTop = logSumExpWithout(z, r, top);
    double lseGold = logSumExpWithout(z, r, gold);
    double tTop = z.getFloat(r, top) - lseTop;
    double tGold = z.getFloat(r, gold) - lseGold;
    if (factor == 0) {
      fillGradient(a, r, 0);
    } else if (a.gradStudent() != null) {
      for (long j = 0; j < z.cols(); j++) {
        float zj = z.getFloat(r, j);
        double g = residual(tTop, kappa) * (j == top ? 1 : -ScalarMath.expBelow(zj, lseTop));
        g += residual(tGold, rho) * (j == gold ? 1 : -ScalarMath.expBelow(zj, lseGold));
        a.gradStudent().setFloat(r, j, (float) (g * weight * factor));
      }
    }
    return crossEntropy(tTop, kappa) + crossEntropy(tGold, rho);
  }

  /** Returns the target of the top token's probability: near 1 for a confident teacher. */
  public static double kappa(long label, Spec spec) {
    double low = 2 * spec.labelSmoothing() / 3;
    return label == 0 || label == 2 ? 1 - low : low;
  }

  /** Returns the target of the gold token's probability: near 1 for a correct teacher. */
  public static double rho(long label, Spec spec) {
    double low = 2 * spec.labelSmoothing() / 3;
    return label == 0 || label == 1 ? 1 - low : low;
  }

  /** Returns the lowest index of the largest element. */
  private static long argmax(Matrix z, long r) {
    long top = 0;
    for (long j = 1; j < z.cols(); j++) {
      top = z.getFloat(r, j) > z.getFloat(r, top) ? j : top;
    }
    return top;
  }

  private static double logSumExpWithout(Matrix z, long r, long index) {
    double max = Double.NEGATIVE_INFINITY;
    for (long j = 0; j < z.cols(); j++) {
      max = j == index ? max : Math.max(max, z.getFloat(r, j));
    }
    double sum = 0;
    for (long j = 0; j < z.cols(); j++) {
      sum += j == index ? 0 : ScalarMath.expBelow(z.getFloat(r, j), max);
    }
    return max + Math.log(sum);
  }

  /** Returns - target log x - (1 - target) log(1 - x), x = sigmoid(t). */
  public static double crossEntropy(double t, double target) {
    double onTarget = target == 0 ? 0 : target * softplus(-t);
    double offTarget = target == 1 ? 0 : (1 - target) * softplus(t);
    return onTarget + offTarget;
  }

  /** Returns x - target, x = sigmoid(t), from parts that do not cancel. */
  public static double residual(double t, double target) {
    return (1 - target) / (1 + Math.exp(-t)) - target / (1 + Math.exp(t));
  }

  private static double softplus(double t) {
    return Math.max(t, 0) + Math.log1p(Math.exp(-Math.abs(t)));
  }

  private static void fillGradient(Arguments a, long r, float value) {
    for (long j = 0; a.gradStudent() != null && j < a.student().cols(); j++) {
      a.gradStudent().setFloat(r, j, value);
    }
  }
}

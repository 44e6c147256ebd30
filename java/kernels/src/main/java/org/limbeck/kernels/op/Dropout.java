// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code dropout}: y = residual + keep * x / (1 - p), with a mask that is never stored.
 *
 * <p>Element (r, c) is number i = r * cols + c whatever the row stride, and is kept if word i mod 4
 * of Philox4x32-10 with counter (i / 4, stream) and key seed, as an unsigned number, is at least
 * round(p * 2^32). The backward operation recomputes the mask from the same seed and stream: gradX
 * = keep * gradY / (1 - p); the gradient of the residual is gradY itself. A dropped element is
 * exactly 0 (the residual alone), also where x is NaN. p = 0 keeps everything.
 *
 * <p><b>Accuracy.</b> One multiplication by 1 / (1 - p) in float32, one addition where there is a
 * residual. <b>Determinism.</b> The same bits with any number of threads and on every backend.
 *
 * <p>Source: Srivastava et al., JMLR 15, 2014; Salmon et al., SC 2011, for the generator.
 */
public final class Dropout {
  private static final String STEM = "dropout";

  /** The forward operation. */
  public static final Op<Spec, Forward> FORWARD = new Op<>(STEM, "forward", Dropout::check);

  /** The backward operation. */
  public static final Op<Spec, Backward> BACKWARD = new Op<>(STEM, "backward", Dropout::check);

  private Dropout() {}

  /**
   * The options.
   *
   * @param probability p, the probability that an element is dropped, in [0, 1)
   */
  public record Spec(double probability) {
    /** Checks the probability. */
    public Spec {
      ArgumentChecks.fraction(STEM, "probability", probability);
    }

    /** Returns the smallest random word, as an unsigned 32-bit number, that keeps an element. */
    public long threshold() {
      return Math.min(Math.round(probability * 0x1p32), 0xFFFF_FFFFL);
    }

    /** Returns the factor of the elements that are kept. */
    public float keptScale() {
      return (float) (1 / (1 - probability));
    }
  }

  /**
   * Arguments of the forward operation.
   *
   * @param x F32 [rows, cols]
   * @param residual added to the result, F32 [rows, cols], or null
   * @param y F32 [rows, cols], written; {@code x} or {@code residual} itself or separate memory
   * @param seed the seed of the run
   * @param stream the number of the use: different for each layer and step
   */
  public record Forward(Matrix x, Matrix residual, Matrix y, long seed, long stream) {}

  /**
   * Arguments of the backward operation.
   *
   * @param gradY F32 [rows, cols]
   * @param gradX F32 [rows, cols], written; {@code gradY} itself or separate memory
   * @param seed the seed of the forward operation
   * @param stream the stream of the forward operation
   */
  public record Backward(Matrix gradY, Matrix gradX, long seed, long stream) {}

  private static void check(Spec spec, Forward a, ArgumentChecks checks) {
    checks.present("x", a.x(), DType.F32);
    checks.optional("residual", a.residual(), DType.F32, a.x().rows(), a.x().cols());
    checks.matrix("y", a.y(), DType.F32, a.x().rows(), a.x().cols());
    checks.disjointOrSame("y", a.y(), "x", a.x());
    checks.disjointOrSame("y", a.y(), "residual", a.residual());
  }

  private static void check(Spec spec, Backward a, ArgumentChecks checks) {
    checks.present("gradY", a.gradY(), DType.F32);
    checks.matrix("gradX", a.gradX(), DType.F32, a.gradY().rows(), a.gradY().cols());
    checks.disjointOrSame("gradX", a.gradX(), "gradY", a.gradY());
  }
}

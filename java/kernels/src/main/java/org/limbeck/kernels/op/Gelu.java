// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;

/**
 * Stem {@code gelu}: the Gaussian error linear unit of Hendrycks and Gimpel (arXiv 1606.08415).
 *
 * <p>{@link Form#ERF}: y = x * P(x), P(x) = (1 + erf(x / sqrt 2)) / 2; dy/dx = P(x) + x * p(x) with
 * the normal density p. {@link Form#TANH}: y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715
 * x^3))). +infinity gives +infinity, -infinity gives 0 (gradients 1 and 0), NaN gives NaN.
 *
 * <p><b>Accuracy.</b> Within 1e-6 relative, or 1e-7 absolute where |y| is below 0.1. <b>
 * Determinism.</b> The same bits with any number of threads.
 */
public final class Gelu {
  /** The forward operation. */
  public static final Op<Spec, Elementwise.Forward> FORWARD =
      new Op<>("gelu", "forward", Elementwise::check);

  /** The backward operation: gradX = gradY * dy/dx. */
  public static final Op<Spec, Elementwise.Backward> BACKWARD =
      new Op<>("gelu", "backward", Elementwise::check);

  private Gelu() {}

  /** The two forms in use. */
  public enum Form {
    /** The exact form; BERT's. */
    ERF,
    /** The approximation by the hyperbolic tangent. */
    TANH
  }

  /**
   * The options.
   *
   * @param form which form
   */
  public record Spec(Form form) {
    /** Checks that the form is there. */
    public Spec {
      Objects.requireNonNull(form, "form");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;

/**
 * Stem {@code cosine}: losses on the angle between two rows s and t, c = s.t / (|s| |t|).
 *
 * <p>A row with a zero vector on either side has cosine 0 and gradient 0. NaN spreads to its own
 * row and to the loss.
 *
 * <p><b>Accuracy.</b> Sums in double; loss within 1e-6 absolute, gradients within three times the
 * error of a plain float32 implementation. <b>Determinism.</b> The same bits with any number of
 * threads.
 *
 * <p>Source: Sanh et al., arXiv 1910.01108; Aguilar et al., arXiv 1910.03723 (squared); Sun et al.,
 * arXiv 1908.09355 (normalised).
 */
public final class Cosine {
  /** The operation. */
  public static final Op<Spec, RowLoss.Arguments> OP = new Op<>("cosine", "", RowLoss::check);

  private Cosine() {}

  /** The losses; all gradients are multiples of -(t / |t| - c s / |s|) / |s|. */
  public enum Mode {
    /** 1 - c; multiple 1. */
    ONE_MINUS_COS,
    /** 1 - c^2; multiple 2c. */
    ONE_MINUS_COS_SQUARED,
    /** The squared distance of the normalised rows, 2 (1 - c); multiple 2. */
    NORMALISED_MSE
  }

  /**
   * The options.
   *
   * @param mode the loss
   * @param normaliser what the sum over the rows is divided by
   */
  public record Spec(Mode mode, Normaliser normaliser) {
    /** Checks that both are there. */
    public Spec {
      Objects.requireNonNull(mode, "mode");
      Objects.requireNonNull(normaliser, "normaliser");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import java.util.Objects;

/**
 * Stem {@code mse}: the mean squared difference of two rows, sum (s - t)^2 / cols, with the
 * gradient 2 (s - t) / cols.
 *
 * <p>Values at or below a floor count as 0, in student and teacher each by itself, and pass no
 * gradient. This is how losses on attention scores leave out masked entries without a mask
 * (TernaryBERT, floor -100); they stay in the divisor.
 *
 * <p>NaN in student or teacher makes the loss of its row and the total NaN, and of the gradient its
 * own element alone: 0 where the student is at or below the floor, NaN otherwise. Without a floor
 * infinities are values: one gives an infinite loss and gradient element, two of one sign give NaN.
 *
 * <p><b>Accuracy.</b> Differences in float32, sums in double; gradients within 2 ulp. <b>
 * Determinism.</b> The same bits with any number of threads.
 */
public final class Mse {
  /** The operation. */
  public static final Op<Spec, RowLoss.Arguments> OP = new Op<>("mse", "", RowLoss::check);

  private Mse() {}

  /**
   * The options.
   *
   * @param normaliser what the sum over the rows is divided by
   * @param floor values at or below it count as 0; -infinity means none
   */
  public record Spec(Normaliser normaliser, float floor) {
    /** Checks each option. */
    public Spec {
      Objects.requireNonNull(normaliser, "normaliser");
      if (Float.isNaN(floor)) {
        throw new InvalidArgumentException("mse", "floor", floor, "a number");
      }
    }

    /** Returns the loss without a floor. */
    public static Spec of(Normaliser normaliser) {
      return new Spec(normaliser, Float.NEGATIVE_INFINITY);
    }
  }
}

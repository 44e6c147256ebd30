// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

/**
 * Stem {@code relu}: y = max(x, 0); the gradient passes where x is above 0. -0 gives +0; NaN gives
 * NaN, and a NaN input passes no gradient.
 *
 * <p><b>Accuracy.</b> Exact. <b>Determinism.</b> The same bits with any number of threads.
 */
public final class Relu {
  /** The forward operation. */
  public static final Op<Spec, Elementwise.Forward> FORWARD =
      new Op<>("relu", "forward", Elementwise::check);

  /** The backward operation: gradX = gradY where x is above 0, and 0 elsewhere. */
  public static final Op<Spec, Elementwise.Backward> BACKWARD =
      new Op<>("relu", "backward", Elementwise::check);

  private Relu() {}

  /** Relu has no options. */
  public record Spec() {}
}

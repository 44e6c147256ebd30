// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.op;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;

/**
 * Stem {@code embedding}: rows of a table by index, and the scatter-add of their gradients.
 *
 * <p>y_i = scale * table[ids_i]. Backward: gradTable[ids_i] += scale * gradY_i, in ascending order
 * of i for each row of the table; the row of the padding index gets nothing.
 *
 * <p><b>Accuracy.</b> One rounding forward; backward, float32 sums in the order of the positions.
 * <b> Determinism.</b> The same bits with any number of threads and on every backend: no atomics.
 */
public final class Embedding {
  private static final String STEM = "embedding";

  /** The forward operation. */
  public static final Op<Spec, Forward> FORWARD = new Op<>(STEM, "forward", Embedding::check);

  /** The backward operation. */
  public static final Op<Spec, Backward> BACKWARD = new Op<>(STEM, "backward", Embedding::check);

  private Embedding() {}

  /**
   * The options.
   *
   * @param scale a factor, finite; sqrt(width) in the Transformer, 1 in BERT
   * @param paddingIndex the row of the table that gets no gradient, or -1 for none
   */
  public record Spec(float scale, long paddingIndex) {
    /** Factor 1 and no padding index. */
    public static final Spec DEFAULT = new Spec(1, -1);

    /** Checks each option. */
    public Spec {
      ArgumentChecks.finite(STEM, "scale", scale);
      if (paddingIndex < -1) {
        throw new InvalidArgumentException(
            STEM, "paddingIndex", paddingIndex, "an index, or -1 for none");
      }
    }
  }

  /**
   * Arguments of the forward operation.
   *
   * @param table F32 [vocab, width]
   * @param ids I64 [1, n], in [0, vocab)
   * @param y F32 [n, width], written
   */
  public record Forward(Matrix table, Matrix ids, Matrix y) {}

  /**
   * Arguments of the backward operation.
   *
   * @param ids I64 [1, n], in [0, vocab)
   * @param gradY F32 [n, width]
   * @param gradTable F32 [vocab, width], added to
   */
  public record Backward(Matrix ids, Matrix gradY, Matrix gradTable) {}

  private static void check(Spec spec, Forward a, ArgumentChecks checks) {
    checks.present("table", a.table(), DType.F32);
    checks.present("ids", a.ids(), DType.I64);
    checks.vector("ids", a.ids(), DType.I64, a.ids().cols());
    checks.indices("ids", a.ids(), a.table().rows(), 0);
    checks.matrix("y", a.y(), DType.F32, a.ids().cols(), a.table().cols());
    checks.disjoint("y", a.y(), "table", a.table());
    checks.disjoint("y", a.y(), "ids", a.ids());
  }

  private static void check(Spec spec, Backward a, ArgumentChecks checks) {
    checks.present("gradTable", a.gradTable(), DType.F32);
    checks.present("ids", a.ids(), DType.I64);
    checks.vector("ids", a.ids(), DType.I64, a.ids().cols());
    checks.indices("ids", a.ids(), a.gradTable().rows(), 0);
    checks.matrix("gradY", a.gradY(), DType.F32, a.ids().cols(), a.gradTable().cols());
    checks.disjoint("gradTable", a.gradTable(), "gradY", a.gradY());
    checks.disjoint("gradTable", a.gradTable(), "ids", a.ids());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;
import org.limbeck.natives.bindings.LimbeckH;

/**
 * How the groups of a call lie in its matrices, as the library is told. Depends on shapes and
 * strides alone, so that the sums of a group are the same with any number of threads.
 */
final class FakeQuantCut {
  /** Elements of a chunk for a thread. */
  private static final long CHUNK = 1 << 15;

  long groups;
  long rows;
  long cols;
  long across;
  long pieces;

  // Whether rows follow each other without a gap and a group is taken as one row of them.
  private boolean joined;

  /**
   * Cuts.
   *
   * @param group the shape of a group
   * @param shape a matrix of the shape that is cut
   * @param contiguous whether in all matrices of the call rows follow each other without a gap
   */
  void cut(FakeQuant.Group group, Matrix shape, boolean contiguous) {
    rows = group.rowsIn(shape.rows());
    cols = group.colsIn(shape.cols());
    across = shape.cols() / cols;
    groups = group.count(shape.rows(), shape.cols());
    joined = contiguous && across == 1;
    if (joined) {
      cols *= rows;
      rows = 1;
    }
    pieces = LimbeckH.lb_fake_quant_pieces(rows, cols);
  }

  /** Returns the row stride of a matrix, 0 for null. */
  long stride(Matrix m) {
    return m == null ? 0 : joined ? cols : m.rowStride();
  }

  /** Returns the number of elements of a group. */
  long elements() {
    return rows * cols;
  }

  /** Returns the number of pieces of all groups. */
  long units() {
    return groups * pieces;
  }

  /** Returns how many units make a chunk for a thread. */
  long unitsPerChunk() {
    return Math.max(1, CHUNK / Math.min(elements(), Math.max(elements() / pieces, 1)));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.vector;

import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.FakeQuant;

/**
 * How the kernels of fake_quant walk over a group: as lines of elements that lie back to back, cut
 * into pieces of at most {@link #LENGTH}. Depends on shapes and strides alone, so that the sums of
 * a group are the same with any number of threads.
 */
final class FakeQuantPieces {
  /** The most elements of a piece; a piece of three tensors stays in the second cache level. */
  static final long LENGTH = 1 << 15;

  private long rows;
  private long cols;
  private long across;
  private long lineLength;
  private long perLine;
  private long count;

  /**
   * Cuts the groups of a matrix.
   *
   * @param group the shape of a group
   * @param shape a matrix of the shape that is cut
   * @param contiguous whether all matrices to walk over lie back to back
   */
  void cut(FakeQuant.Group group, Matrix shape, boolean contiguous) {
    rows = group.rowsIn(shape.rows());
    cols = group.colsIn(shape.cols());
    across = shape.cols() / cols;
    boolean oneLine = contiguous && across == 1;
    lineLength = oneLine ? rows * cols : cols;
    perLine = (lineLength + LENGTH - 1) / LENGTH;
    count = perLine * (oneLine ? 1 : rows);
  }

  /** Returns the number of elements of a group. */
  long elements() {
    return rows * cols;
  }

  /** Returns the number of pieces of a group. */
  long count() {
    return count;
  }

  /** Returns how many pieces make a chunk worth handing to a thread. */
  long perChunk() {
    return Math.max(1, LENGTH / lineLength);
  }

  /** Returns the number of elements of a piece. */
  long length(long piece) {
    return perLine == 1 ? lineLength : Math.min(LENGTH, lineLength - piece % perLine * LENGTH);
  }

  /** Returns the byte offset of a piece of a group in a matrix. */
  long offset(Matrix m, long group, long piece) {
    if (across == 1 && perLine == 1) {
      // The divisions would take as long as a short row.
      return m.rowOffsetBytes(group * rows + piece);
    }
    long row = group / across * rows + piece / perLine;
    long col = group % across * cols + piece % perLine * LENGTH;
    return m.rowOffsetBytes(row) + col * m.type().bytes();
  }
}

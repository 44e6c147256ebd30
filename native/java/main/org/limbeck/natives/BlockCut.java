// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

/** How a matrix is cut into blocks that threads share: about as many for each of them. */
final class BlockCut {
  private final long rowStep;
  private final long colStep;
  private final long narrowest;

  private long rows;
  private long cols;

  /**
   * Makes a cut of blocks yet to be chosen.
   *
   * @param rowStep rows of blocks are a multiple of this, those of the last ones apart
   * @param colStep columns likewise
   * @param narrowest fewest columns of blocks that are made narrower for the sake of balance
   */
  BlockCut(long rowStep, long colStep, long narrowest) {
    this.rowStep = rowStep;
    this.colStep = colStep;
    this.narrowest = narrowest;
  }

  /** Returns the rows of a block. */
  long rows() {
    return rows;
  }

  /** Returns the columns of a block. */
  long cols() {
    return cols;
  }

  /** Chooses the size of a block. */
  void size(long newRows, long newCols) {
    rows = newRows;
    cols = newCols;
  }

  /** Returns how many blocks of a matrix are below each other. */
  long down(long m) {
    return Math.ceilDiv(m, rows);
  }

  /** Returns how many blocks a matrix has. */
  long count(long m, long n) {
    return down(m) * Math.ceilDiv(n, cols);
  }

  /**
   * Chooses blocks of about equal size.
   *
   * @param m the rows of the matrix
   * @param n its columns
   * @param blocks how many blocks are enough
   * @param mostCols columns of a block at most
   * @param fewestRows about how many rows a block has at least
   * @param threads how many threads share the blocks
   */
  void cut(long m, long n, long blocks, long mostCols, long fewestRows, int threads) {
    long across = Math.ceilDiv(n, mostCols);
    // Columns first: blocks of the same columns each pack or read them.
    long down = down(m, blocks, across, fewestRows);
    // As many blocks for each thread: rather larger ones, or narrower ones unless they get narrow.
    for (long more = across; more < across + threads && n / more >= narrowest; more++) {
      long fewer = down(m, blocks, more, fewestRows);
      if (more * fewer % threads != 0 && fewer > 1) {
        fewer--;
      }
      if (more * fewer % threads == 0) {
        across = more;
        down = fewer;
        break;
      }
    }
    size(part(m, Math.ceilDiv(m, down), rowStep), part(n, Math.ceilDiv(n, across), colStep));
  }

  private static long down(long m, long blocks, long across, long fewestRows) {
    return Math.min(Math.ceilDiv(blocks, across), Math.ceilDiv(m, fewestRows));
  }

  /** Returns the length of equal parts of about a limit at most, in whole steps. */
  static long part(long length, long limit, long step) {
    long parts = Math.ceilDiv(length, limit);
    return Math.min(length, Native.roundUp(Math.ceilDiv(length, parts), step));
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

/** How kernels that work on rows are laid over a grid: a warp a row, or a block a row. */
final class Rows {
  /** The threads of a block in which each warp has a row. */
  static final int WARPS_BLOCK = 256;

  /** The threads of a block that has a row: THREADS in the kernels. */
  static final int ROW_BLOCK = 512;

  private static final int WARP = 32;
  private static final long WARP_COLS = 1024;

  private Rows() {}

  /** Returns whether rows are short enough for a warp each. */
  static boolean warp(long cols) {
    return cols <= WARP_COLS;
  }

  /** Queues a kernel over rows; it has its arguments. */
  static void launch(KernelFunction kernel, long rows, long cols) {
    if (warp(cols)) {
      kernel.launch(Math.ceilDiv(rows, WARPS_BLOCK / WARP), WARPS_BLOCK);
    } else {
      kernel.launch(rows, ROW_BLOCK);
    }
  }
}

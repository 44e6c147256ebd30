// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.nn;

import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;

/**
 * Memory for one activation, as large as its largest batch needs, seen in the shape of the batch at
 * hand.
 */
public final class Slot {
  private final Matrix storage;
  private Matrix view;

  /**
   * Allocates a slot of F32.
   *
   * @param memory where it lives
   * @param capacity the largest number of elements
   */
  public Slot(Memory memory, long capacity) {
    this.storage = memory.vector(DType.F32, capacity);
    this.view = storage;
  }

  /**
   * Returns the slot in a shape; what was written through another shape is lost.
   *
   * @param rows the rows
   * @param cols the columns; the product is at most the capacity
   */
  public Matrix view(long rows, long cols) {
    if (view.rows() != rows || view.cols() != cols) {
      view = new Matrix(storage.buffer(), DType.F32, storage.offsetBytes(), rows, cols, cols);
    }
    return view;
  }

  /** Returns the slot in the shape in which it was last asked for. */
  public Matrix view() {
    return view;
  }
}

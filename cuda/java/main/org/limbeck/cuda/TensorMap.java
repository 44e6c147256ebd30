// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmF32;

/**
 * A map of matrices for the copy engine of sm_90, which fetches boxes of 128 bytes of columns, and
 * rounds floats to tf32 on the way: columns, rows, inner and outer steps of a batch. Its memory is
 * made once; filling it allocates nothing.
 */
final class TensorMap {
  /** The size of a map and its alignment as a parameter of kernels: what cuda.h says. */
  static final int BYTES = 128;

  static final int ALIGNMENT = 128;

  /** The bytes of columns of a box. */
  static final int LINE_BYTES = 128;

  // What the driver is told: four sizes, three strides in bytes, four sizes of the box, four steps,
  // its number of the type.
  static final int SIZES = 0;
  static final int STRIDES = SIZES + 4 * Long.BYTES;
  static final int BOX = STRIDES + 3 * Long.BYTES;
  static final int STEPS = BOX + 4 * Integer.BYTES;
  static final int TYPE = STEPS + 4 * Integer.BYTES;
  static final int LAYOUT_BYTES = TYPE + Integer.BYTES;

  private static final int BFLOAT16 = 9;
  private static final int TFLOAT32 = 11;
  private static final long MAX_STRIDE = 1L << 40;

  private final MemorySegment map = Arena.ofAuto().allocate(BYTES, ALIGNMENT);
  private final MemorySegment layout = Arena.ofAuto().allocate(LAYOUT_BYTES, Long.BYTES);
  private final DType type;
  private final int boxRows;

  /**
   * Creates an empty map.
   *
   * @param type BF16, or F32 for tf32
   * @param boxRows the rows of a box, 1 to 256
   */
  TensorMap(DType type, int boxRows) {
    this.type = type;
    this.boxRows = boxRows;
  }

  /** Returns the map. */
  MemorySegment segment() {
    return map;
  }

  /** Returns whether the engine can reach all rows, whose beginnings are chunked. */
  static boolean reaches(Matrix m, long outerStride, long innerStride) {
    long stride = Math.max(m.rowStride(), Math.max(outerStride, innerStride));
    return m.cols() <= Integer.MAX_VALUE && stride < MAX_STRIDE / m.type().bytes();
  }

  /** Describes one matrix, so many elements behind another. */
  void fill(Driver driver, Matrix m, long behind) {
    long address = address(m) + behind * type.bytes();
    fill(driver, address, m.rows(), m.cols(), m.rowStride());
  }

  /** Describes one matrix by where it is. */
  void fill(Driver driver, long address, long rows, long cols, long rowStride) {
    fill(driver, address, rows, cols, rowStride, 1, 0, 1, 0);
  }

  private static long address(Matrix m) {
    return m.buffer().address() + m.offsetBytes();
  }

  /**
   * Describes the matrices of a batch.
   *
   * @return which steps lead to another matrix: 1 the inner ones, 2 the outer ones
   */
  int fill(Driver driver, Matrix m, GemmF32.Batch batch, long outerStride, long innerStride) {
    return fill(
        driver,
        address(m),
        m.rows(),
        m.cols(),
        m.rowStride(),
        batch.inner(),
        innerStride,
        batch.outer(),
        outerStride);
  }

  private int fill(
      Driver driver,
      long address,
      long rows,
      long cols,
      long rowStride,
      long inner,
      long innerStride,
      long outer,
      long outerStride) {
    boolean innerSteps = inner > 1 && innerStride > 0;
    boolean outerSteps = outer > 1 && outerStride > 0;
    size(0, cols);
    size(1, rows);
    size(2, innerSteps ? inner : 1);
    size(3, outerSteps ? outer : 1);
    // Where there is one matrix its stride is not used, but the driver wants one that it can use.
    stride(0, rowStride);
    stride(1, innerSteps ? innerStride : rowStride);
    stride(2, outerSteps ? outerStride : rowStride);
    int boxCols = LINE_BYTES / type.bytes();
    for (int i = 0; i < 4; i++) {
      layout.set(ValueLayout.JAVA_INT, BOX + 4L * i, i == 0 ? boxCols : i == 1 ? boxRows : 1);
      layout.set(ValueLayout.JAVA_INT, STEPS + 4L * i, 1);
    }
    layout.set(ValueLayout.JAVA_INT, TYPE, type == DType.F32 ? TFLOAT32 : BFLOAT16);
    driver.encode(map, address, layout);
    return (innerSteps ? 1 : 0) + (outerSteps ? 2 : 0);
  }

  private void size(int dimension, long size) {
    layout.set(ValueLayout.JAVA_LONG, SIZES + 8L * dimension, size);
  }

  private void stride(int dimension, long elements) {
    layout.set(ValueLayout.JAVA_LONG, STRIDES + 8L * dimension, elements * type.bytes());
  }
}

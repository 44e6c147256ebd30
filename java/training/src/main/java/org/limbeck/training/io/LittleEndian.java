// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/** Stored little-endian binary32 numbers as matrices. */
final class LittleEndian {
  /** Rows and columns of a block that fits the first-level cache, for transposing. */
  private static final int BLOCK = 32;

  private LittleEndian() {}

  /** Returns the numbers of a byte array whose length is a multiple of four. */
  static float[] floats(byte[] bytes) {
    float[] values = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }

  /**
   * Copies stored numbers into a new matrix.
   *
   * @param values {@code rows * cols} numbers, row after row
   * @param rows the rows as stored
   * @param cols the columns as stored
   * @param transpose whether the result is [cols, rows] instead of [rows, cols]
   * @param memory where the matrix lives
   */
  static Matrix matrix(float[] values, int rows, int cols, boolean transpose, HostMemory memory) {
    if (!transpose) {
      return memory.copyOf(values, rows, cols);
    }
    float[] turned = new float[values.length];
    for (int rowBlock = 0; rowBlock < rows; rowBlock += BLOCK) {
      int rowEnd = Math.min(rows, rowBlock + BLOCK);
      for (int colBlock = 0; colBlock < cols; colBlock += BLOCK) {
        int colEnd = Math.min(cols, colBlock + BLOCK);
        for (int c = colBlock; c < colEnd; c++) {
          for (int r = rowBlock; r < rowEnd; r++) {
            turned[c * rows + r] = values[r * cols + c];
          }
        }
      }
    }
    return memory.copyOf(turned, cols, rows);
  }
}

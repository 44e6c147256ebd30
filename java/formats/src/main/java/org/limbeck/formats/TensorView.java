// SPDX-License-Identifier: Apache-2.0
package org.limbeck.formats;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostBuffer;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/**
 * A tensor in a file, without a copy: it can be used as long as the {@link SafetensorsFile} is
 * open.
 *
 * @param name the file's and the tensor's name, for messages
 * @param type the element type
 * @param shape the sizes, outermost first; empty for a single number
 * @param data the elements, row-major, little-endian, {@code elements() * type.bytes()} bytes; read
 *     only, and aligned to nothing
 */
public record TensorView(String name, ElementType type, List<Long> shape, MemorySegment data) {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Keeps its own copy of the shape. */
  public TensorView {
    shape = List.copyOf(shape);
  }

  /** Returns the number of elements. */
  public long elements() {
    return data.byteSize() / type.bytes();
  }

  /** Returns the number of columns of the tensor as a matrix: its last size, or 1. */
  public long cols() {
    return shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
  }

  /**
   * Returns the number of rows of the tensor as a matrix: the product of all sizes but the last.
   */
  public long rows() {
    long rows = 1;
    for (int i = 0; i + 1 < shape.size(); i++) {
      rows *= shape.get(i);
    }
    return rows;
  }

  /**
   * Returns a matrix over the same bytes, without a copy. Leading sizes are merged into rows; a
   * vector is a matrix of one row. It must not be written.
   *
   * @return a view of shape [rows(), cols()]
   * @throws BadInputException if the type is F16, which no matrix holds, or the bytes are not
   *     aligned to the element size; {@link #copyAsFloats} takes both
   * @throws IllegalArgumentException if the bytes are on the heap
   */
  public Matrix matrix() {
    DType matrixType =
        type.dtype()
            .orElseThrow(() -> new BadInputException(name + " is F16, expected a matrix's type"));
    if (data.address() % type.bytes() != 0) {
      throw new BadInputException(
          name + " does not begin at a multiple of " + type.bytes() + " bytes, expected it to");
    }
    return Matrix.of(HostBuffer.of(data), matrixType, rows(), cols());
  }

  /**
   * Copies the elements into a new F32 matrix. F16 and BF16 convert exactly, F64 is rounded to
   * nearest even.
   *
   * @param memory where the matrix lives
   * @return a contiguous matrix of shape [rows(), cols()]
   * @throws BadInputException if the elements are integers
   */
  public Matrix copyAsFloats(HostMemory memory) {
    if (!type.isFloat()) {
      throw new BadInputException(name + " is " + type + ", expected floating-point elements");
    }
    Matrix matrix = memory.matrix(DType.F32, rows(), cols());
    MemorySegment to = matrix.segment();
    long count = elements();
    if (type == ElementType.F32) {
      MemorySegment.copy(data, 0, to, 0, data.byteSize());
    } else if (type == ElementType.F64) {
      for (long i = 0; i < count; i++) {
        to.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) data.get(DOUBLE, i * Double.BYTES));
      }
    } else if (type == ElementType.F16) {
      for (long i = 0; i < count; i++) {
        float value = Float.float16ToFloat(data.get(SHORT, i * Short.BYTES));
        to.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
      }
    } else {
      for (long i = 0; i < count; i++) {
        float value = Float.intBitsToFloat(data.get(SHORT, i * Short.BYTES) << Short.SIZE);
        to.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
      }
    }
    return matrix;
  }
}

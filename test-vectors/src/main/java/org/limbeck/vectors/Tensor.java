// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import java.nio.ByteBuffer;
import java.util.List;
import org.limbeck.kernels.memory.DType;

/**
 * A tensor of a payload, as stored.
 *
 * @param type the element type
 * @param shape the sizes; none for a scalar
 * @param data the elements, little-endian, row-major
 */
public record Tensor(DType type, List<Long> shape, ByteBuffer data) {
  /** Returns the number of elements. */
  public long elements() {
    return rows() * cols();
  }

  /** Returns the size of the last dimension; 1 for a scalar. */
  public long cols() {
    return shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
  }

  /** Returns the product of all dimensions but the last. */
  public long rows() {
    long rows = 1;
    for (int i = 0; i < shape.size() - 1; i++) {
      rows *= shape.get(i);
    }
    return rows;
  }

  /** Returns element {@code index} as a number; exact for all types but large I64. */
  public double number(long index) {
    int at = Math.toIntExact(index * type.bytes());
    return switch (type) {
      case F32 -> data.getFloat(at);
      case F64 -> data.getDouble(at);
      case BF16 -> Float.intBitsToFloat(data.getShort(at) << 16);
      case I8 -> data.get(at);
      case U8 -> Byte.toUnsignedInt(data.get(at));
      case I32 -> data.getInt(at);
      case I64 -> data.getLong(at);
    };
  }

  /** Returns element {@code index} of a tensor of integers. */
  public long integer(long index) {
    int at = Math.toIntExact(index * type.bytes());
    return switch (type) {
      case I8 -> data.get(at);
      case U8 -> Byte.toUnsignedInt(data.get(at));
      case I32 -> data.getInt(at);
      case I64 -> data.getLong(at);
      default -> throw new VectorFormatException("a tensor of " + type + " where integers belong");
    };
  }

  /** Returns whether the elements are integers. */
  public boolean isInteger() {
    return switch (type) {
      case I8, U8, I32, I64 -> true;
      default -> false;
    };
  }

  @Override
  public String toString() {
    return type + " " + shape;
  }
}

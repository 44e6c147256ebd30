// SPDX-License-Identifier: Apache-2.0
package org.limbeck.formats;

import java.util.Optional;
import org.limbeck.kernels.memory.DType;

/** The element types of tensors in files: those of {@link DType}, and two of storage alone. */
public enum ElementType {
  /** IEEE 754 binary32. */
  F32(DType.F32, 4),
  /** IEEE 754 binary64. */
  F64(DType.F64, 8),
  /** The upper half of a binary32. */
  BF16(DType.BF16, 2),
  /** IEEE 754 binary16; it exists in files only and is converted to F32 when read. */
  F16(null, 2),
  /** Signed 8-bit integer. */
  I8(DType.I8, 1),
  /** Unsigned 8-bit integer. */
  U8(DType.U8, 1),
  /** A truth value, a byte of 0 or 1; matrices hold it as U8. */
  BOOL(DType.U8, 1),
  /** Signed 32-bit integer. */
  I32(DType.I32, 4),
  /** Signed 64-bit integer. */
  I64(DType.I64, 8);

  private final DType type;
  private final int bytes;

  ElementType(DType type, int bytes) {
    this.type = type;
    this.bytes = bytes;
  }

  /** Returns the type of a matrix over the same bytes; empty for {@link #F16}. */
  public Optional<DType> dtype() {
    return Optional.ofNullable(type);
  }

  /** Returns the size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** Returns whether elements are floating-point numbers. */
  public boolean isFloat() {
    return this == F32 || this == F64 || this == BF16 || this == F16;
  }

  /**
   * Returns the type in files of a matrix's elements.
   *
   * @param type the type of a matrix
   */
  public static ElementType of(DType type) {
    return valueOf(type.name());
  }
}

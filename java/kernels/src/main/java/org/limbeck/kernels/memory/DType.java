// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

/** The element types of a {@link Matrix}. All are stored in little-endian byte order. */
public enum DType {
  /** IEEE 754 binary32. */
  F32(4),
  /** IEEE 754 binary64; used for losses and reductions, never for activations. */
  F64(8),
  /** The upper half of a binary32: 8 exponent bits, 7 fraction bits. */
  BF16(2),
  /** Signed 8-bit integer; quantization codes. */
  I8(1),
  /** Unsigned 8-bit integer; masks and unsigned quantization codes. */
  U8(1),
  /** Signed 32-bit integer; lengths and integer accumulators. */
  I32(4),
  /** Signed 64-bit integer; labels and vocabulary indices. */
  I64(8);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Returns the size of one element in bytes. */
  public int bytes() {
    return bytes;
  }
}

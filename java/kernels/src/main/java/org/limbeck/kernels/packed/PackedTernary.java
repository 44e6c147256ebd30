// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.packed;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;
import org.limbeck.kernels.memory.Buffer;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/**
 * Ternary weights of shape [rows, cols], 2 bits each, in layout {@value #LAYOUT}. Immutable; a view
 * that never owns its bytes, so that a memory-mapped file can be used as it is.
 *
 * <p>A weight w of -1, 0 or 1 is stored as the code w + 1. Each row is padded with code 1 (weight
 * 0) to a multiple of 256 columns, and its blocks of 256 codes take 64 bytes each:
 *
 * <pre>
 *   bits of byte j, 0 &lt;= j &lt; 64     7   6     5   4     3   2     1   0
 *   column within the block         j + 192   j + 128    j + 64       j
 *
 *   byte of a block:   0        1       ...      63
 *   bits 1..0        col 0    col 1     ...    col 63
 *   bits 3..2        col 64   col 65    ...    col 127
 *   bits 5..4        col 128  col 129   ...    col 191
 *   bits 7..6        col 192  col 193   ...    col 255
 * </pre>
 *
 * <p>Rows follow each other without a gap: element (r, c) is in byte {@code r * rowBytes(cols) + c
 * / 256 * 64 + c % 64}, bits {@code 2 * (c % 256 / 64)} and the next. So 64 consecutive columns lie
 * in the same two bits of 64 consecutive bytes: a vector kernel takes them out with one AND, leaves
 * them where they are, and divides a whole sum by 1, 4, 16 or 64 at the end. Code 3 does not occur;
 * {@link #validate} looks for it. Any address is allowed; one that is a multiple of 64 is faster.
 */
public final class PackedTernary {
  /** The name and version of the layout. */
  public static final String LAYOUT = "planes64-v1";

  /** The columns of a block. */
  public static final int BLOCK_COLS = 256;

  /** The bytes of a block. */
  public static final int BLOCK_BYTES = 64;

  private static final int PLANES = BLOCK_COLS / BLOCK_BYTES;
  private static final int MALFORMED = 3;
  private static final long LOW_BITS = 0x5555555555555555L;
  private static final ValueLayout.OfLong EIGHT_BYTES =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Matrix bytes;
  private final long cols;

  private PackedTernary(Matrix bytes, long cols) {
    this.bytes = bytes;
    this.cols = cols;
  }

  /**
   * Returns the bytes that a row takes.
   *
   * @param cols the number of weights of a row, 0 or more
   * @throws IllegalArgumentException if it is negative
   */
  public static long rowBytes(long cols) {
    if (cols < 0) {
      throw bad("rowBytes", "cols", cols, "0 or more");
    }
    return (cols / BLOCK_COLS + (cols % BLOCK_COLS == 0 ? 0 : 1)) * BLOCK_BYTES;
  }

  /**
   * Returns the bytes that a matrix takes.
   *
   * @param rows the number of rows, 0 or more
   * @param cols the number of weights of a row, 0 or more
   * @throws IllegalArgumentException if one is negative or the bytes exceed a {@code long}
   */
  public static long byteSize(long rows, long cols) {
    long row = rowBytes(cols);
    if (rows < 0) {
      throw bad("byteSize", "rows", rows, "0 or more");
    }
    if (row > 0 && rows > Long.MAX_VALUE / row) {
      throw bad("byteSize", "shape", "[" + rows + ", " + cols + "]", "at most 2^63 - 1 bytes");
    }
    return rows * row;
  }

  /**
   * Returns a view of packed weights that are there already, such as those of a mapped file. It
   * reads none of them: {@link #validate} does.
   *
   * @param buffer the bytes
   * @param offsetBytes where those of the first row begin
   * @param rows the number of rows, 0 or more
   * @param cols the number of weights of a row, 0 or more
   * @throws IllegalArgumentException if the rows do not lie in the buffer
   */
  public static PackedTernary of(Buffer buffer, long offsetBytes, long rows, long cols) {
    long size = byteSize(rows, cols);
    if (offsetBytes < 0 || size > buffer.byteSize() - offsetBytes) {
      throw bad(
          "of",
          "buffer",
          buffer.byteSize()
              + " bytes for shape ["
              + rows
              + ", "
              + cols
              + "] at byte "
              + offsetBytes,
          "at least " + size + " bytes from there");
    }
    long row = rowBytes(cols);
    return new PackedTernary(new Matrix(buffer, DType.U8, offsetBytes, rows, row, row), cols);
  }

  /**
   * Packs weights into new memory.
   *
   * @param codes the weights, I8 [rows, cols] of -1, 0 and 1 on the host, any row stride
   * @param memory where the result is allocated, 64-byte aligned
   * @throws IllegalArgumentException if the type differs or a weight is another number; the message
   *     says which and where
   */
  public static PackedTernary pack(Matrix codes, HostMemory memory) {
    Matrix bytes = memory.matrix(DType.U8, codes.rows(), rowBytes(codes.cols()));
    return pack(codes, bytes);
  }

  /**
   * Packs weights into given memory.
   *
   * @param codes the weights, I8 [rows, cols] of -1, 0 and 1 on the host, any row stride
   * @param target U8 [rows, {@link #rowBytes rowBytes(cols)}] on the host, contiguous, overwritten;
   *     separate memory
   * @return a view of {@code target}
   * @throws IllegalArgumentException if types or shapes differ from these, or a weight is another
   *     number; {@code target} then holds nothing of use
   */
  public static PackedTernary pack(Matrix codes, Matrix target) {
    if (codes.type() != DType.I8) {
      throw bad("pack", "codes", codes, "elements of type I8");
    }
    long row = rowBytes(codes.cols());
    if (target.type() != DType.U8
        || target.rows() != codes.rows()
        || target.cols() != row
        || target.rowStride() != row) {
      throw bad(
          "pack", "target", target, "contiguous U8 of shape [" + codes.rows() + ", " + row + "]");
    }
    if (target.overlaps(codes)) {
      throw bad("pack", "target", "memory that overlaps codes", "separate memory");
    }
    for (long r = 0; r < codes.rows(); r++) {
      packRow(codes, r, target);
    }
    return new PackedTernary(target, codes.cols());
  }

  private static void packRow(Matrix codes, long row, Matrix target) {
    MemorySegment from = codes.segment();
    MemorySegment to = target.segment();
    long begin = codes.rowOffsetBytes(row);
    long at = target.rowOffsetBytes(row);
    for (long i = 0; i < target.cols(); i++) {
      long first = i / BLOCK_BYTES * BLOCK_COLS + i % BLOCK_BYTES;
      int packed = 0;
      for (int plane = 0; plane < PLANES; plane++) {
        long col = first + (long) plane * BLOCK_BYTES;
        int weight = col < codes.cols() ? from.get(ValueLayout.JAVA_BYTE, begin + col) : 0;
        if (weight < -1 || weight > 1) {
          throw bad("pack", "codes", weight + " at (" + row + ", " + col + ")", "-1, 0 or 1");
        }
        packed |= weight + 1 << 2 * plane;
      }
      to.set(ValueLayout.JAVA_BYTE, at + i, (byte) packed);
    }
  }

  /**
   * Unpacks all weights.
   *
   * @param codes I8 [rows, cols] on the host, any row stride, overwritten with -1, 0 and 1
   * @throws IllegalArgumentException if type or shape differ, or the packed bytes hold a code 3
   */
  public void unpack(Matrix codes) {
    if (codes.type() != DType.I8 || codes.rows() != rows() || codes.cols() != cols) {
      throw bad("unpack", "codes", codes, "I8 of shape [" + rows() + ", " + cols + "]");
    }
    for (long r = 0; r < rows(); r++) {
      for (long c = 0; c < cols; c++) {
        int weight = weight(r, c);
        if (weight == MALFORMED - 1) {
          throw malformed(r, c, MALFORMED);
        }
        codes.setByte(r, c, (byte) weight);
      }
    }
  }

  /**
   * Writes the weights of one row times a factor, such as an entry of a packed embedding table.
   *
   * @param row the row
   * @param factor what a weight of 1 becomes
   * @param y F32 [1, cols] on the host, overwritten with -factor, 0 and factor; a code 3 of
   *     malformed bytes becomes 2 factor
   * @throws IndexOutOfBoundsException if there is no such row
   * @throws IllegalArgumentException if type or shape of {@code y} differ
   */
  public void unpackRow(long row, float factor, Matrix y) {
    Objects.checkIndex(row, rows());
    if (y.type() != DType.F32 || y.rows() != 1 || y.cols() != cols) {
      throw bad("unpackRow", "y", y, "F32 of shape [1, " + cols + "]");
    }
    MemorySegment from = bytes.segment();
    MemorySegment to = y.segment();
    long at = bytes.rowOffsetBytes(row);
    // One plane of one block at a time: its columns lie in the same bits of bytes in a row.
    for (long first = 0; first < cols; first += BLOCK_BYTES) {
      long begin = at + first / BLOCK_COLS * BLOCK_BYTES;
      int shift = (int) (first % BLOCK_COLS / BLOCK_BYTES) * 2;
      long count = Math.min(BLOCK_BYTES, cols - first);
      for (long i = 0; i < count; i++) {
        int weight = (from.get(ValueLayout.JAVA_BYTE, begin + i) >>> shift & MALFORMED) - 1;
        to.set(
            ValueLayout.JAVA_FLOAT, y.offsetBytes() + (first + i) * Float.BYTES, weight * factor);
      }
    }
  }

  /**
   * Reads all bytes once and checks that they are well-formed: no code 3, and code 1 in the
   * padding.
   *
   * @throws IllegalArgumentException if they are not; the message names the first place
   * @throws IllegalStateException if the bytes are on a device
   */
  public void validate() {
    MemorySegment segment = bytes.segment();
    for (long r = 0; r < rows(); r++) {
      long begin = bytes.rowOffsetBytes(r);
      for (long i = 0; i < bytes.cols(); i += Long.BYTES) {
        long eight = segment.get(EIGHT_BYTES, begin + i);
        if ((eight & eight >>> 1 & LOW_BITS) != 0) {
          throw firstMalformed(r);
        }
      }
      for (long c = cols; c < bytes.cols() * PLANES; c++) {
        int code = code(r, c);
        if (code != 1) {
          throw bad(
              "validate",
              "bytes",
              "code " + code + " at (" + r + ", " + c + "), in the padding",
              "code 1 behind the last of " + cols + " columns");
        }
      }
    }
  }

  private IllegalArgumentException firstMalformed(long row) {
    long col = 0;
    while (code(row, col) != MALFORMED) {
      col++;
    }
    return malformed(row, col, MALFORMED);
  }

  private static IllegalArgumentException malformed(long row, long col, int code) {
    return bad(
        "validate", "bytes", "code " + code + " at (" + row + ", " + col + ")", "codes 0, 1 and 2");
  }

  /** Returns the two bits of a column, which may lie in the padding. */
  private int code(long row, long col) {
    long at = bytes.rowOffsetBytes(row) + col / BLOCK_COLS * BLOCK_BYTES + col % BLOCK_BYTES;
    int shift = (int) (col % BLOCK_COLS / BLOCK_BYTES) * 2;
    return bytes.segment().get(ValueLayout.JAVA_BYTE, at) >>> shift & MALFORMED;
  }

  /**
   * Returns a weight.
   *
   * @param row the row
   * @param col the column
   * @return -1, 0 or 1; 2 for the code 3 of malformed bytes
   */
  public int weight(long row, long col) {
    Objects.checkIndex(row, rows());
    Objects.checkIndex(col, cols);
    return code(row, col) - 1;
  }

  /** Returns the number of rows. */
  public long rows() {
    return bytes.rows();
  }

  /** Returns the number of weights of a row. */
  public long cols() {
    return cols;
  }

  /** Returns the packed bytes, U8 [rows, {@link #rowBytes rowBytes(cols)}], contiguous. */
  public Matrix bytes() {
    return bytes;
  }

  /**
   * Returns the rows {@code from} (inclusive) to {@code to} (exclusive), without a copy.
   *
   * @param from the first row
   * @param to the row after the last
   */
  public PackedTernary rows(long from, long to) {
    return new PackedTernary(bytes.rows(from, to), cols);
  }

  private static IllegalArgumentException bad(
      String what, String argument, Object given, String expected) {
    return new IllegalArgumentException(
        "PackedTernary." + what + ": " + argument + ": given " + given + ", expected " + expected);
  }

  @Override
  public String toString() {
    return LAYOUT + " [" + rows() + ", " + cols + "] on " + bytes.buffer().device();
  }
}

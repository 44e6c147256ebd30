// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A row-major view of a buffer: element (r, c) lies at byte {@code offsetBytes + (r * rowStride +
 * c) * type.bytes()}. Immutable; it never owns the bytes.
 *
 * <p>A vector of n elements is a matrix of shape [1, n]. Views of the same buffer are equal if
 * their types, positions, shapes and row strides are.
 */
public final class Matrix {
  private final Buffer buffer;
  private final DType type;
  private final long offsetBytes;
  private final long rows;
  private final long cols;
  private final long rowStride;

  /**
   * From element (0, 0) on, null on a device; made once, so that calls of native code make none.
   */
  private final MemorySegment data;

  /**
   * Makes a view, and checks that every element lies in the buffer and is aligned to its size.
   *
   * @param buffer the bytes
   * @param type the element type
   * @param offsetBytes the position of element (0, 0) in the buffer, a multiple of the element size
   * @param rows the number of rows, 0 or more
   * @param cols the number of columns, 0 or more
   * @param rowStride the distance between rows in elements, at least {@code cols}
   * @throws IllegalArgumentException if an element does not; the message names the shape and the
   *     buffer
   */
  public Matrix(Buffer buffer, DType type, long offsetBytes, long rows, long cols, long rowStride) {
    Objects.requireNonNull(buffer, "buffer");
    Objects.requireNonNull(type, "type");
    if (rows < 0 || cols < 0) {
      throw bad("shape", "[" + rows + ", " + cols + "]", "sizes of 0 or more");
    }
    if (rowStride < cols) {
      throw bad("rowStride", rowStride, "at least cols = " + cols);
    }
    if (offsetBytes < 0 || (buffer.address() + offsetBytes) % type.bytes() != 0) {
      throw bad("offsetBytes", offsetBytes, "an address aligned to " + type.bytes() + " bytes");
    }
    if (rows > 0 && cols > 0) {
      boolean fits;
      try {
        long last = Math.addExact(Math.multiplyExact(rows - 1, rowStride), cols);
        long end = Math.addExact(Math.multiplyExact(last, (long) type.bytes()), offsetBytes);
        fits = end <= buffer.byteSize();
      } catch (ArithmeticException e) {
        fits = false;
      }
      if (!fits) {
        throw bad(
            "shape",
            "["
                + rows
                + ", "
                + cols
                + "] of "
                + type
                + " with row stride "
                + rowStride
                + " at byte "
                + offsetBytes,
            "a view inside its buffer of " + buffer.byteSize() + " bytes");
      }
    }
    this.buffer = buffer;
    this.type = type;
    this.offsetBytes = offsetBytes;
    this.rows = rows;
    this.cols = cols;
    this.rowStride = rowStride;
    // A view without elements may begin behind its buffer.
    this.data =
        buffer instanceof HostBuffer host
            ? host.segment().asSlice(Math.min(offsetBytes, buffer.byteSize()))
            : null;
  }

  /**
   * Returns a contiguous view of the beginning of a buffer.
   *
   * @param buffer the bytes
   * @param type the element type
   * @param rows the number of rows
   * @param cols the number of columns, and the row stride
   * @return the view
   */
  public static Matrix of(Buffer buffer, DType type, long rows, long cols) {
    return new Matrix(buffer, type, 0, rows, cols, cols);
  }

  private static IllegalArgumentException bad(String what, Object given, String expected) {
    return new IllegalArgumentException(
        "Matrix: " + what + ": given " + given + ", expected " + expected);
  }

  /** Returns the bytes that the matrix is a view of. */
  public Buffer buffer() {
    return buffer;
  }

  /** Returns the element type. */
  public DType type() {
    return type;
  }

  /** Returns the position of element (0, 0) in the buffer. */
  public long offsetBytes() {
    return offsetBytes;
  }

  /** Returns the number of rows. */
  public long rows() {
    return rows;
  }

  /** Returns the number of columns. */
  public long cols() {
    return cols;
  }

  /** Returns the distance between rows in elements. */
  public long rowStride() {
    return rowStride;
  }

  /** Returns the number of elements, rows times columns. */
  public long elements() {
    return rows * cols;
  }

  /** Returns the distance between rows in bytes. */
  public long rowStrideBytes() {
    return rowStride * type.bytes();
  }

  /** Returns whether the elements lie back to back. */
  public boolean isContiguous() {
    return rowStride == cols || rows <= 1;
  }

  /** Returns the byte position of the first element of a row in the buffer. */
  public long rowOffsetBytes(long row) {
    return offsetBytes + row * rowStrideBytes();
  }

  /**
   * Returns the segment of a host matrix.
   *
   * @throws IllegalStateException if the matrix is on a device
   */
  public MemorySegment segment() {
    if (buffer instanceof HostBuffer host) {
      return host.segment();
    }
    throw new IllegalStateException(
        "Matrix.segment: given a matrix on "
            + buffer.device()
            + ", expected one on the host; Memory.download copies it");
  }

  /**
   * Returns the segment of a host matrix from element (0, 0) on, to the end of the buffer. It is
   * the same object at every call.
   *
   * @throws IllegalStateException if the matrix is on a device
   */
  public MemorySegment data() {
    return data == null ? segment() : data;
  }

  /**
   * Returns the rows {@code from} (inclusive) to {@code to} (exclusive), without a copy.
   *
   * @param from the first row
   * @param to the row after the last
   * @return a view of shape [to - from, cols]
   */
  public Matrix rows(long from, long to) {
    Objects.checkFromToIndex(from, to, rows);
    return new Matrix(buffer, type, rowOffsetBytes(from), to - from, cols, rowStride);
  }

  /**
   * Returns the columns {@code from} (inclusive) to {@code to} (exclusive), without a copy.
   *
   * @param from the first column
   * @param to the column after the last
   * @return a view of shape [rows, to - from] with the same row stride
   */
  public Matrix columns(long from, long to) {
    Objects.checkFromToIndex(from, to, cols);
    return new Matrix(buffer, type, offsetBytes + from * type.bytes(), rows, to - from, rowStride);
  }

  /**
   * Returns the same elements in another shape, without a copy.
   *
   * @param newRows the number of rows
   * @param newCols the number of columns; {@code newRows * newCols} equals {@link #elements}
   * @return a contiguous view
   * @throws IllegalArgumentException if the matrix is not contiguous or the counts differ
   */
  public Matrix reshape(long newRows, long newCols) {
    if (!isContiguous() || newRows < 0 || newCols < 0 || newRows * newCols != elements()) {
      throw bad(
          "reshape",
          this + " to [" + newRows + ", " + newCols + "]",
          "a contiguous matrix of the same number of elements");
    }
    return new Matrix(buffer, type, offsetBytes, newRows, newCols, newCols);
  }

  /**
   * Returns whether an element of this matrix and one of another share a byte. Column slices of one
   * matrix that interleave without touching do not overlap.
   *
   * @param other another view
   */
  public boolean overlaps(Matrix other) {
    if (elements() == 0
        || other.elements() == 0
        || !buffer.device().equals(other.buffer.device())) {
      return false;
    }
    long begin = buffer.address() + offsetBytes;
    long otherBegin = other.buffer.address() + other.offsetBytes;
    if (begin + spanBytes() <= otherBegin || otherBegin + other.spanBytes() <= begin) {
      return false;
    }
    long stride = rowStrideBytes();
    if (stride == other.rowStrideBytes() && rows > 1 && other.rows > 1) {
      // Both occupy one interval of each stride; they meet if the intervals meet modulo the stride.
      long distance = Math.floorMod(otherBegin - begin, stride);
      return distance < cols * type.bytes() || distance + other.cols * other.type.bytes() > stride;
    }
    return true;
  }

  private long spanBytes() {
    return ((rows - 1) * rowStride + cols) * type.bytes();
  }

  /** Returns whether both views have the same bytes, type, shape and stride. */
  public boolean sameView(Matrix other) {
    return type == other.type
        && buffer.device().equals(other.buffer.device())
        && buffer.address() + offsetBytes == other.buffer.address() + other.offsetBytes
        && rows == other.rows
        && cols == other.cols
        && rowStride == other.rowStride;
  }

  /** Returns element (row, col) of an F32 host matrix. */
  public float getFloat(long row, long col) {
    return segment().get(ValueLayout.JAVA_FLOAT, at(row, col));
  }

  /** Sets element (row, col) of an F32 host matrix. */
  public void setFloat(long row, long col, float value) {
    segment().set(ValueLayout.JAVA_FLOAT, at(row, col), value);
  }

  /** Returns element (row, col) of a BF16 host matrix; exact. */
  public float getBfloat16(long row, long col) {
    return Bfloat16.toFloat(segment().get(ValueLayout.JAVA_SHORT, at(row, col)));
  }

  /** Sets element (row, col) of a BF16 host matrix to the nearest number, half to even. */
  public void setBfloat16(long row, long col, float value) {
    segment().set(ValueLayout.JAVA_SHORT, at(row, col), Bfloat16.fromFloat(value));
  }

  /** Returns element (row, col) of an F64 host matrix. */
  public double getDouble(long row, long col) {
    return segment().get(ValueLayout.JAVA_DOUBLE, at(row, col));
  }

  /** Sets element (row, col) of an F64 host matrix. */
  public void setDouble(long row, long col, double value) {
    segment().set(ValueLayout.JAVA_DOUBLE, at(row, col), value);
  }

  /** Returns element (row, col) of an I64 host matrix. */
  public long getLong(long row, long col) {
    return segment().get(ValueLayout.JAVA_LONG, at(row, col));
  }

  /** Sets element (row, col) of an I64 host matrix. */
  public void setLong(long row, long col, long value) {
    segment().set(ValueLayout.JAVA_LONG, at(row, col), value);
  }

  /** Returns element (row, col) of an I32 host matrix. */
  public int getInt(long row, long col) {
    return segment().get(ValueLayout.JAVA_INT, at(row, col));
  }

  /** Sets element (row, col) of an I32 host matrix. */
  public void setInt(long row, long col, int value) {
    segment().set(ValueLayout.JAVA_INT, at(row, col), value);
  }

  /** Returns element (row, col) of an I8 or U8 host matrix, as the signed byte stored. */
  public byte getByte(long row, long col) {
    return segment().get(ValueLayout.JAVA_BYTE, at(row, col));
  }

  /** Sets element (row, col) of an I8 or U8 host matrix. */
  public void setByte(long row, long col, byte value) {
    segment().set(ValueLayout.JAVA_BYTE, at(row, col), value);
  }

  private long at(long row, long col) {
    Objects.checkIndex(row, rows);
    Objects.checkIndex(col, cols);
    return offsetBytes + (row * rowStride + col) * type.bytes();
  }

  /** Returns the elements of an F32 host matrix, row after row, in a new array. */
  public float[] toFloatArray() {
    float[] out = new float[Math.toIntExact(elements())];
    for (int r = 0; r < rows; r++) {
      MemorySegment.copy(
          segment(), ValueLayout.JAVA_FLOAT, rowOffsetBytes(r), out, (int) (r * cols), (int) cols);
    }
    return out;
  }

  /**
   * Copies the elements of another host matrix of the same type and shape into this one.
   *
   * @param source the elements to copy
   * @throws IllegalArgumentException if type or shape differ
   */
  public void copyFrom(Matrix source) {
    if (source.type != type || source.rows != rows || source.cols != cols) {
      throw bad("copyFrom", source, "the type and shape of " + this);
    }
    for (long r = 0; r < rows; r++) {
      MemorySegment.copy(
          source.segment(),
          source.rowOffsetBytes(r),
          segment(),
          rowOffsetBytes(r),
          cols * type.bytes());
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Matrix m
        && buffer.equals(m.buffer)
        && type == m.type
        && offsetBytes == m.offsetBytes
        && rows == m.rows
        && cols == m.cols
        && rowStride == m.rowStride;
  }

  @Override
  public int hashCode() {
    return Objects.hash(buffer, type, offsetBytes, rows, cols, rowStride);
  }

  @Override
  public String toString() {
    String strided = isContiguous() ? "" : ", row stride " + rowStride;
    return type + " [" + rows + ", " + cols + "]" + strided + " on " + buffer.device();
  }
}

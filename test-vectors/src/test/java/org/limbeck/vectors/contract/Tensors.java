// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.limbeck.kernels.memory.Bfloat16;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostBuffer;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.packed.PackedTernary;
import org.limbeck.kernels.random.Philox;

/** The tensors of one test: laid out as a {@link Placement} says, filled from a seed. */
public final class Tensors implements AutoCloseable {
  private static final byte SENTINEL = (byte) 0xA5;
  private static final int PADDING = 5;

  private record Strided(Matrix whole, Matrix view) {}

  private final Arena arena = Arena.ofShared();
  private final Placement placement;
  private final long seed;
  private final List<Strided> strided = new ArrayList<>();
  private long stream;

  /**
   * Starts the tensors of a test.
   *
   * @param placement how they lie in memory
   * @param seed what their values depend on
   */
  public Tensors(Placement placement, long seed) {
    this.placement = placement;
    this.seed = seed;
  }

  /** Returns aligned tensors. */
  public static Tensors aligned(long seed) {
    return new Tensors(Placement.ALIGNED, seed);
  }

  /** Returns a matrix of zeros. */
  public Matrix zeros(DType type, long rows, long cols) {
    return switch (placement) {
      case ALIGNED -> contiguous(arena.allocate(rows * cols * type.bytes(), 64), type, rows, cols);
      case GUARD_RIGHT ->
          contiguous(
              GuardPages.allocate(arena, rows * cols * type.bytes(), true), type, rows, cols);
      case GUARD_LEFT ->
          contiguous(
              GuardPages.allocate(arena, rows * cols * type.bytes(), false), type, rows, cols);
      case STRIDED -> strided(type, rows, cols);
    };
  }

  private static Matrix contiguous(MemorySegment segment, DType type, long rows, long cols) {
    return Matrix.of(HostBuffer.of(segment), type, rows, cols);
  }

  private Matrix strided(DType type, long rows, long cols) {
    long stride = cols + PADDING;
    MemorySegment segment = arena.allocate(rows * stride * type.bytes(), 64);
    segment.fill(SENTINEL);
    Matrix whole = contiguous(segment, type, rows, stride);
    Matrix view = whole.columns(1, 1 + cols);
    for (long r = 0; r < rows; r++) {
      segment.asSlice(view.rowOffsetBytes(r), cols * type.bytes()).fill((byte) 0);
    }
    strided.add(new Strided(whole, view));
    return view;
  }

  /** Returns an F32 vector of zeros. */
  public Matrix vector(long length) {
    return zeros(DType.F32, 1, length);
  }

  /** Returns an F32 matrix with independent values of about normal distribution. */
  public Matrix normal(long rows, long cols, double deviation) {
    Matrix m = zeros(DType.F32, rows, cols);
    long s = stream++;
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < cols; c++) {
        long i = r * cols + c;
        double sum = 0;
        for (int w = 0; w < 4; w++) {
          sum += Philox.word(seed, s, i, w) * 0x1p-32;
        }
        m.setFloat(r, c, (float) (sum * Math.sqrt(3) * deviation));
      }
    }
    return m;
  }

  /** Returns an F32 matrix with independent values between two bounds. */
  public Matrix uniform(long rows, long cols, double low, double high) {
    Matrix m = zeros(DType.F32, rows, cols);
    long s = stream++;
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < cols; c++) {
        double u = (Philox.word(seed, s, r * cols + c, 0) >>> 1) * 0x1p-31;
        m.setFloat(r, c, (float) (low + u * (high - low)));
      }
    }
    return m;
  }

  /** Returns a BF16 matrix with the values of an F32 one, rounded half to even. */
  public Matrix rounded(Matrix values) {
    Matrix m = zeros(DType.BF16, values.rows(), values.cols());
    Bfloat16.round(values, m);
    return m;
  }

  /**
   * Returns an I8 matrix with independent values of at least {@code from} and at most {@code to}.
   */
  public Matrix bytes(long rows, long cols, int from, int to) {
    Matrix m = zeros(DType.I8, rows, cols);
    long s = stream++;
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < cols; c++) {
        long word = Integer.toUnsignedLong(Philox.word(seed, s, r * cols + c, 0));
        m.setByte(r, c, (byte) (from + word % (to - from + 1)));
      }
    }
    return m;
  }

  /**
   * Returns ternary weights, packed. Packed rows have no strides; where others would have, they
   * begin at an odd address.
   */
  public PackedTernary packed(Matrix codes) {
    long row = PackedTernary.rowBytes(codes.cols());
    if (placement != Placement.STRIDED) {
      return PackedTernary.pack(codes, zeros(DType.U8, codes.rows(), row));
    }
    HostBuffer buffer = HostBuffer.of(arena.allocate(codes.rows() * row + 1, 64));
    return PackedTernary.pack(codes, new Matrix(buffer, DType.U8, 1, codes.rows(), row, row));
  }

  /** Returns an I64 vector with independent values of at least 0 and below a bound. */
  public Matrix indices(long length, long bound) {
    Matrix m = zeros(DType.I64, 1, length);
    long s = stream++;
    for (long i = 0; i < length; i++) {
      m.setLong(0, i, Integer.toUnsignedLong(Philox.word(seed, s, i, 0)) % bound);
    }
    return m;
  }

  /** Returns a U8 matrix of 0 and 1, with the given share of 1. */
  public Matrix mask(long rows, long cols, double share) {
    Matrix m = zeros(DType.U8, rows, cols);
    long s = stream++;
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < cols; c++) {
        double u = (Philox.word(seed, s, r * cols + c, 0) >>> 1) * 0x1p-31;
        m.setByte(r, c, (byte) (u < share ? 1 : 0));
      }
    }
    return m;
  }

  /** Returns a copy in the same placement. */
  public Matrix copy(Matrix source) {
    Matrix m = zeros(source.type(), source.rows(), source.cols());
    m.copyFrom(source);
    return m;
  }

  /** Asserts that nothing was written between the rows of strided matrices. */
  public void assertPaddingIntact() {
    for (Strided s : strided) {
      int bytes = s.whole().type().bytes();
      long rowBytes = s.whole().rowStrideBytes();
      long end = (1 + s.view().cols()) * bytes;
      for (long at = 0; at < s.whole().segment().byteSize(); at++) {
        long inRow = at % rowBytes;
        if (inRow < bytes || inRow >= end) {
          assertEquals(
              SENTINEL,
              s.whole().segment().get(ValueLayout.JAVA_BYTE, at),
              "byte " + at + " beside the rows of " + s.view());
        }
      }
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}

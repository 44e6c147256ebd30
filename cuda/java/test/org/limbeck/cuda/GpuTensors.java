// SPDX-License-Identifier: Apache-2.0
package org.limbeck.cuda;

import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.Bfloat16;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.memory.Memory;
import org.limbeck.kernels.packed.PackedTernary;

/**
 * The tensors of a case, on the device. Values are a function of the number of a tensor and of the
 * position, the same in {@code cuda/bench/peers.py}, and repeat after a prime number of elements.
 */
final class GpuTensors implements AutoCloseable {
  /** The largest prime below 2^24. */
  static final int PERIOD = 16_777_213;

  private final Limbeck device;
  private final Limbeck reference;
  private final Memory memory;
  private final HostMemory host = new HostMemory();

  GpuTensors(Limbeck device, Limbeck reference) {
    this.device = device;
    this.reference = reference;
    memory = device.newMemory();
  }

  Limbeck device() {
    return device;
  }

  /** Returns the reference, on the host. */
  Limbeck reference() {
    return reference;
  }

  private static int hash(int tensor, long position) {
    int h = (int) (position % PERIOD) * 0x9E3779B1 + tensor * 0x7F4A7C15;
    h = (h ^ h >>> 15) * 0x85EBCA77;
    h = (h ^ h >>> 13) * 0xC2B2AE3D;
    return h ^ h >>> 16;
  }

  /** Returns a value of a tensor of floats, at least -1 and below 1. */
  static float value(int tensor, long position) {
    return (hash(tensor, position) >>> 8) * 0x1p-23f - 1;
  }

  /** Returns a value of a tensor of a range of 1 as it is stored. */
  double value(int tensor, DType type, long position) {
    float value = value(tensor, position);
    return type == DType.BF16 ? Bfloat16.toFloat(Bfloat16.fromFloat(value)) : value;
  }

  /** Returns a code of a ternary tensor: -1, 0 or 1. */
  static int code(int tensor, long position) {
    return Integer.remainderUnsigned(hash(tensor, position), 3) - 1;
  }

  /**
   * Returns a matrix whose content is whatever it is: the pattern of a NaN, so that what stays
   * shows.
   */
  Matrix empty(DType type, long rows, long cols) {
    Matrix matrix = memory.matrix(type, rows, cols);
    if (type == DType.F32) {
      repeat(matrix, (block, i) -> block.setFloat(0, i, Float.NaN));
    } else if (type == DType.BF16) {
      repeat(matrix, (block, i) -> block.setBfloat16(0, i, Float.NaN));
    }
    return matrix;
  }

  Matrix random(int tensor, long rows, long cols, double range) {
    return random(tensor, DType.F32, rows, cols, range);
  }

  Matrix random(int tensor, DType type, long rows, long cols, double range) {
    Matrix matrix = memory.matrix(type, rows, cols);
    float factor = (float) range;
    if (type == DType.BF16) {
      repeat(matrix, (block, i) -> block.setBfloat16(0, i, factor * value(tensor, i)));
    } else {
      repeat(matrix, (block, i) -> block.setFloat(0, i, factor * value(tensor, i)));
    }
    return matrix;
  }

  private interface Filler {
    void set(Matrix block, long position);
  }

  /** Uploads a block of one period again and again. */
  private void repeat(Matrix target, Filler filler) {
    long count = Math.min(PERIOD, target.elements());
    try (HostMemory staging = new HostMemory()) {
      Matrix block = staging.vector(target.type(), count);
      for (long i = 0; i < count; i++) {
        filler.set(block, i);
      }
      Matrix flat = target.reshape(1, target.elements());
      for (long at = 0; at < flat.cols(); at += count) {
        long part = Math.min(count, flat.cols() - at);
        memory.upload(block.columns(0, part), flat.columns(at, at + part));
      }
    }
  }

  /** Returns a row of a random tensor of floats on the host. */
  Matrix row(HostMemory where, int tensor, long row, long cols, double range) {
    return row(where, tensor, DType.F32, row, cols, range);
  }

  /** Returns a row of a random tensor on the host, as floats of the numbers that are stored. */
  Matrix row(HostMemory where, int tensor, DType type, long row, long cols, double range) {
    Matrix matrix = where.matrix(DType.F32, 1, cols);
    for (long c = 0; c < cols; c++) {
      float value = (float) range * value(tensor, row * cols + c);
      boolean rounds = type == DType.BF16;
      matrix.setFloat(0, c, rounds ? Bfloat16.toFloat(Bfloat16.fromFloat(value)) : value);
    }
    return matrix;
  }

  Matrix constant(float value) {
    Matrix here = host.matrix(DType.F32, 1, 1);
    here.setFloat(0, 0, value);
    Matrix there = memory.matrix(DType.F32, 1, 1);
    memory.upload(here, there);
    return there;
  }

  /** Returns packed weights [rows, cols]. */
  PackedTernary ternary(int tensor, long rows, long cols) {
    Matrix there = memory.matrix(DType.U8, rows, PackedTernary.rowBytes(cols));
    try (HostMemory staging = new HostMemory()) {
      Matrix codes = staging.matrix(DType.I8, 1, cols);
      Matrix bytes = staging.matrix(DType.U8, rows, PackedTernary.rowBytes(cols));
      for (long r = 0; r < rows; r++) {
        for (long c = 0; c < cols; c++) {
          codes.setByte(0, c, (byte) code(tensor, r * cols + c));
        }
        PackedTernary.pack(codes, bytes.rows(r, r + 1));
      }
      memory.upload(bytes, there);
    }
    return PackedTernary.of(there.buffer(), there.offsetBytes(), rows, cols);
  }

  /** Returns the elements of a matrix of floats, or of bfloat16, on the device. */
  float[] fetch(Matrix there) {
    try (HostMemory staging = new HostMemory()) {
      Matrix here = staging.matrix(there.type(), there.rows(), there.cols());
      memory.download(there, here);
      if (there.type() == DType.BF16) {
        Matrix widened = staging.matrix(DType.F32, there.rows(), there.cols());
        Bfloat16.widen(here, widened);
        here = widened;
      }
      return here.toFloatArray();
    }
  }

  @Override
  public void close() {
    memory.close();
    host.close();
  }
}

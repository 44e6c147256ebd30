// SPDX-License-Identifier: Apache-2.0
package org.limbeck.bench.cases;

import java.lang.foreign.MemorySegment;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.packed.PackedTernary;
import org.limbeck.kernels.random.Philox;

/** Packed weights of -1, 0 and 1, as many of each. */
final class TernaryBytes {
  /** Bytes repeat after so many: a prime, so that no two rows are the same. */
  private static final int PERIOD = 1_000_003;

  /** The number of ways in which four weights can follow each other. */
  private static final int FOUR_WEIGHTS = 81;

  private TernaryBytes() {}

  /** Returns the bytes of a {@link PackedTernary}. */
  static Matrix random(HostMemory memory, int stream, long rows, long cols) {
    Matrix bytes = memory.matrix(DType.U8, rows, PackedTernary.rowBytes(cols));
    byte[] period = new byte[(int) Math.min(PERIOD, bytes.elements())];
    for (int i = 0; i < period.length; i++) {
      int codes = Math.floorMod(Philox.word(7, stream, i / 4, i % 4), FOUR_WEIGHTS);
      period[i] = (byte) (codes % 3 | codes / 3 % 3 << 2 | codes / 9 % 3 << 4 | codes / 27 << 6);
    }
    repeat(MemorySegment.ofArray(period), bytes);
    if (cols % PackedTernary.BLOCK_COLS != 0) {
      // Packing a row again fills its padding up as the layout wants it.
      try (HostMemory scratch = new HostMemory()) {
        Matrix codes = scratch.matrix(DType.I8, 1, cols);
        for (long r = 0; r < rows; r++) {
          PackedTernary.of(bytes.buffer(), bytes.rowOffsetBytes(r), 1, cols).unpack(codes);
          PackedTernary.pack(codes, bytes.rows(r, r + 1));
        }
      }
    }
    return bytes;
  }

  /** Fills a matrix up with what a segment holds, again and again. */
  static void repeat(MemorySegment period, Matrix to) {
    long bytes = to.elements() * to.type().bytes();
    for (long at = 0; at < bytes; at += period.byteSize()) {
      long count = Math.min(period.byteSize(), bytes - at);
      MemorySegment.copy(period, 0, to.segment(), to.offsetBytes() + at, count);
    }
  }
}

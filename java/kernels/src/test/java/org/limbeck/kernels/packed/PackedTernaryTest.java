// SPDX-License-Identifier: Apache-2.0
package org.limbeck.kernels.packed;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostBuffer;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;

/** The layout bit by bit, the way there and back, and what is refused. */
class PackedTernaryTest {
  private static final long SEED = Long.getLong("limbeck.seed", 20_221_107L);
  private static final byte PADDING = 0b01_01_01_01;

  private final HostMemory memory = new HostMemory();

  @TempDir private Path directory;

  @AfterEach
  void close() {
    memory.close();
  }

  private static byte[] content(PackedTernary packed) {
    return packed.bytes().segment().toArray(ValueLayout.JAVA_BYTE);
  }

  private Matrix codes(long rows, long cols, Random random) {
    Matrix codes = memory.matrix(DType.I8, rows, cols + 3).columns(2, 2 + cols);
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < cols; c++) {
        codes.setByte(r, c, (byte) (random.nextInt(3) - 1));
      }
    }
    return codes;
  }

  @Test
  void sizesAreThoseOfWholeBlocks() {
    assertEquals(0, PackedTernary.rowBytes(0));
    assertEquals(64, PackedTernary.rowBytes(1));
    assertEquals(64, PackedTernary.rowBytes(256));
    assertEquals(128, PackedTernary.rowBytes(257));
    assertEquals(3 * 1024, PackedTernary.byteSize(3, 4096));
    refused("rowBytes: cols: given -1", () -> PackedTernary.rowBytes(-1));
    refused("byteSize: rows: given -1", () -> PackedTernary.byteSize(-1, 3));
    refused("2^63 - 1 bytes", () -> PackedTernary.byteSize(Long.MAX_VALUE / 64 + 1, 1));
    assertTrue(PackedTernary.rowBytes(Long.MAX_VALUE) > 0);
  }

  /** A layout has a version: were the bytes others, files of this version could not be read. */
  @Test
  void layoutIsTheDocumentedOne() {
    assertEquals("planes64-v1", PackedTernary.LAYOUT);
    Matrix codes = memory.matrix(DType.I8, 2, 258);
    codes.setByte(0, 0, (byte) 1);
    codes.setByte(0, 1, (byte) -1);
    codes.setByte(0, 64, (byte) 1);
    codes.setByte(0, 127, (byte) -1);
    codes.setByte(0, 128, (byte) -1);
    codes.setByte(0, 192, (byte) 1);
    codes.setByte(0, 255, (byte) -1);
    codes.setByte(0, 256, (byte) -1);
    codes.setByte(0, 257, (byte) 1);
    codes.setByte(1, 63, (byte) 1);
    byte[] want = new byte[256];
    java.util.Arrays.fill(want, PADDING);
    want[0] = (byte) 0b10_00_10_10;
    want[1] = 0b01_01_01_00;
    want[63] = 0b00_01_00_01;
    want[64] = 0b01_01_01_00;
    want[65] = 0b01_01_01_10;
    want[128 + 63] = 0b01_01_01_10;
    assertArrayEquals(want, content(PackedTernary.pack(codes, memory)));
  }

  @Test
  void unpackingGivesBackWhatWasPacked() {
    Random random = new Random(SEED);
    for (long cols : new long[] {0, 1, 2, 63, 64, 65, 127, 128, 191, 192, 255, 256, 257, 600}) {
      for (long rows : new long[] {0, 1, 5}) {
        Matrix codes = codes(rows, cols, random);
        PackedTernary packed = PackedTernary.pack(codes, memory);
        packed.validate();
        assertEquals(rows, packed.rows());
        assertEquals(cols, packed.cols());
        assertEquals(PackedTernary.byteSize(rows, cols), content(packed).length);
        Matrix back = memory.matrix(DType.I8, rows, cols + 1).columns(0, cols);
        packed.unpack(back);
        Matrix row = memory.matrix(DType.F32, 1, cols + 2).columns(1, 1 + cols);
        for (long r = 0; r < rows; r++) {
          packed.unpackRow(r, 0.75f, row);
          for (long c = 0; c < cols; c++) {
            assertEquals(0.75f * codes.getByte(r, c), row.getFloat(0, c), "seed " + SEED);
            assertEquals(codes.getByte(r, c), back.getByte(r, c), "seed " + SEED);
            assertEquals(codes.getByte(r, c), packed.weight(r, c), "seed " + SEED);
          }
        }
        byte[] again = content(PackedTernary.pack(back, memory));
        assertArrayEquals(content(packed), again, "seed " + SEED);
      }
    }
  }

  @Test
  void rowsAreViews() {
    PackedTernary packed = PackedTernary.pack(codes(5, 300, new Random(SEED)), memory);
    PackedTernary middle = packed.rows(2, 4);
    assertEquals(2, middle.rows());
    for (long c = 0; c < 300; c++) {
      assertEquals(packed.weight(3, c), middle.weight(1, c), "seed " + SEED);
    }
    assertEquals("planes64-v1 [2, 300] on host", middle.toString());
  }

  @Test
  void mappedFilesAreReadWhereTheyAre() throws IOException {
    Matrix codes = codes(3, 300, new Random(SEED));
    byte[] packed = content(PackedTernary.pack(codes, memory));
    byte[] file = new byte[packed.length + 8];
    System.arraycopy(packed, 0, file, 8, packed.length);
    Path path = directory.resolve("weights.bin");
    Files.write(path, file);
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(path)) {
      var mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, file.length, arena);
      PackedTernary view = PackedTernary.of(HostBuffer.of(mapped), 8, 3, 300);
      view.validate();
      Matrix back = memory.matrix(DType.I8, 3, 300);
      view.unpack(back);
      for (long c = 0; c < 300; c++) {
        assertEquals(codes.getByte(2, c), back.getByte(2, c), "seed " + SEED);
      }
    }
  }

  @Test
  void malformedBytesAreOneSentence() {
    for (long cols : new long[] {1, 255, 256, 300, 511}) {
      for (long col = 0; col < cols; col += cols == 1 ? 1 : 17) {
        PackedTernary packed = PackedTernary.pack(codes(3, cols, new Random(SEED)), memory);
        damage(packed, 1, col, 3);
        String message = "code 3 at (1, " + col + "), expected codes 0, 1 and 2";
        refused(message, packed::validate);
        refused(message, () -> packed.unpack(memory.matrix(DType.I8, 3, cols)));
      }
    }
    for (int code : new int[] {0, 2}) {
      PackedTernary packed = PackedTernary.pack(codes(3, 300, new Random(SEED)), memory);
      damage(packed, 2, 511, code);
      refused("code " + code + " at (2, 511), in the padding", packed::validate);
    }
  }

  private static void damage(PackedTernary packed, long row, long col, int code) {
    long at = col / 256 * 64 + col % 64;
    int shift = (int) (col % 256 / 64) * 2;
    int old = packed.bytes().getByte(row, at);
    packed.bytes().setByte(row, at, (byte) (old & ~(3 << shift) | code << shift));
  }

  @Test
  void badArgumentsAreRefused() {
    Matrix codes = memory.matrix(DType.I8, 2, 70);
    for (byte value : new byte[] {2, -2, 127, -128}) {
      codes.setByte(1, 69, value);
      refused(
          "pack: codes: given " + value + " at (1, 69), expected -1, 0 or 1",
          () -> PackedTernary.pack(codes, memory));
    }
    codes.setByte(1, 69, (byte) 0);
    Matrix unsigned = memory.matrix(DType.U8, 2, 70);
    refused("pack: codes: given U8", () -> PackedTernary.pack(unsigned, memory));
    Matrix narrow = memory.matrix(DType.U8, 2, 63);
    refused("pack: target: given U8 [2, 63]", () -> PackedTernary.pack(codes, narrow));
    Matrix strided = memory.matrix(DType.U8, 2, 70).columns(0, 64);
    refused("contiguous U8 of shape [2, 64]", () -> PackedTernary.pack(codes, strided));
    Matrix same = Matrix.of(codes.buffer(), DType.U8, 2, 64);
    refused("overlaps codes", () -> PackedTernary.pack(codes, same));
    PackedTernary packed = PackedTernary.pack(codes, memory);
    refused("unpack: codes: given U8", () -> packed.unpack(unsigned));
    refused("I8 of shape [2, 70]", () -> packed.unpack(memory.matrix(DType.I8, 2, 71)));
    HostBuffer buffer = HostBuffer.of(packed.bytes().segment());
    refused("128 bytes for shape [3, 1]", () -> PackedTernary.of(buffer, 0, 3, 1));
    refused("at byte 1, expected at least 128", () -> PackedTernary.of(buffer, 1, 2, 1));
    refused("at byte -64", () -> PackedTernary.of(buffer, -64, 1, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> packed.weight(2, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> packed.weight(0, 70));
  }

  private static void refused(String message, Executable call) {
    var e = assertThrows(IllegalArgumentException.class, call);
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertTrue(e.getMessage().startsWith("PackedTernary."), e.getMessage());
  }
}

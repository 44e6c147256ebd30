// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.limbeck.formats.BadInputException;

/**
 * A sorted table in LevelDB's file format, in which TensorFlow keeps the index of a checkpoint:
 * blocks of keys and values with shared key prefixes, a block that lists them, a footer of 48
 * bytes. Every block's checksum is compared.
 */
final class LevelDbTable {
  private static final int FOOTER = 48;
  private static final long MAGIC = 0xdb4775248b80fb57L;

  /** After each block: one byte for its compression, four for its checksum. */
  private static final int TRAILER = 5;

  private final String file;
  private final ByteBuffer bytes;

  private LevelDbTable(String file, byte[] bytes) {
    this.file = file;
    this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Takes one pair of a block. */
  private interface Pair {
    void accept(byte[] key, byte[] value);
  }

  /**
   * Reads all pairs.
   *
   * @param file what messages call the table
   * @param bytes the whole table
   * @return values by key, in the order of the table
   * @throws BadInputException if the table is truncated, damaged or compressed
   */
  static Map<String, byte[]> read(String file, byte[] bytes) {
    try {
      return new LevelDbTable(file, bytes).pairs();
    } catch (BufferUnderflowException | IndexOutOfBoundsException | NegativeArraySizeException e) {
      throw new BadInputException(file + " is a malformed table: an entry ends outside of it", e);
    }
  }

  /** Returns a checksum as LevelDB and TensorFlow store it: rotated, plus a constant. */
  static int maskedChecksum(CRC32C crc) {
    return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
  }

  private Map<String, byte[]> pairs() {
    if (bytes.capacity() < FOOTER || bytes.getLong(bytes.capacity() - Long.BYTES) != MAGIC) {
      throw new BadInputException(
          file + " is truncated or no LevelDB table: its last eight bytes are not its mark");
    }
    ByteBuffer footer = bytes.duplicate().position(bytes.capacity() - FOOTER);
    varint(footer);
    varint(footer);
    Map<String, byte[]> pairs = new LinkedHashMap<>();
    readBlock(
        varint(footer),
        varint(footer),
        (separator, handle) -> {
          ByteBuffer block = ByteBuffer.wrap(handle);
          readBlock(
              varint(block),
              varint(block),
              (key, value) -> pairs.put(new String(key, StandardCharsets.UTF_8), value));
        });
    return pairs;
  }

  private void readBlock(long offset, long size, Pair pair) {
    if (offset < 0 || size < Integer.BYTES || offset > bytes.capacity() - TRAILER - size) {
      throw new BadInputException(
          file
              + " is a malformed table: a block of "
              + size
              + " bytes at "
              + offset
              + ", expected one inside its "
              + bytes.capacity()
              + " bytes");
    }
    ByteBuffer block = bytes.slice((int) offset, (int) size).order(ByteOrder.LITTLE_ENDIAN);
    int compression = bytes.get((int) (offset + size));
    CRC32C crc = new CRC32C();
    crc.update(bytes.slice((int) offset, (int) size + 1));
    if (bytes.getInt((int) (offset + size) + 1) != maskedChecksum(crc)) {
      throw new BadInputException(
          file + " is damaged: the block at byte " + offset + " has a wrong checksum");
    }
    if (compression != 0) {
      throw new BadInputException(
          file + " has a compressed block (type " + compression + "), expected none");
    }
    int restarts = block.getInt((int) size - Integer.BYTES);
    long end = size - Integer.BYTES * (1L + restarts);
    if (restarts < 0 || end < 0) {
      throw new BadInputException(file + " is a malformed table: " + restarts + " restart points");
    }
    block.limit((int) end);
    byte[] key = new byte[0];
    while (block.hasRemaining()) {
      int shared = length(block, key.length);
      int added = length(block, block.remaining());
      int valueLength = length(block, block.remaining());
      key = Arrays.copyOf(key, shared + added);
      block.get(key, shared, added);
      byte[] value = new byte[valueLength];
      block.get(value);
      pair.accept(key.clone(), value);
    }
  }

  private int length(ByteBuffer in, int atMost) {
    long length = varint(in);
    if (length < 0 || length > atMost) {
      throw new BadInputException(
          file + " is a malformed table: a length of " + length + ", expected at most " + atMost);
    }
    return (int) length;
  }

  private long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      byte next = in.get();
      value |= (long) (next & 0x7F) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new BadInputException(file + " is a malformed table: a number of more than 64 bits");
  }
}

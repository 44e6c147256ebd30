// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.limbeck.formats.BadInputException;

/**
 * The index of a TensorFlow checkpoint: type, shape, position and checksum of each variable ({@code
 * tensor_bundle.proto}).
 */
final class TensorBundle {
  private static final int FLOAT = 1;

  // Field numbers of BundleHeaderProto, BundleEntryProto, TensorShapeProto and its Dim.
  private static final int HEADER_SHARDS = 1;
  private static final int HEADER_ENDIANNESS = 2;
  private static final int ENTRY_TYPE = 1;
  private static final int ENTRY_SHAPE = 2;
  private static final int ENTRY_SHARD = 3;
  private static final int ENTRY_OFFSET = 4;
  private static final int ENTRY_SIZE = 5;
  private static final int ENTRY_CHECKSUM = 6;
  private static final int ENTRY_SLICES = 7;
  private static final int SHAPE_DIM = 2;
  private static final int DIM_SIZE = 1;

  private TensorBundle() {}

  /**
   * A variable of one or two sizes.
   *
   * @param name its name in the checkpoint
   * @param rows the first of two sizes, or 1
   * @param cols the last size
   * @param offset its first byte in the data file
   * @param size its bytes
   * @param checksum the masked CRC-32C of its bytes
   */
  record Variable(String name, int rows, int cols, long offset, int size, int checksum) {
    /**
     * Reads the variable's bytes and compares their checksum.
     *
     * @param file what messages call the data file
     * @param in the data file, positioned at the variable
     */
    float[] read(String file, InputStream in) throws IOException {
      byte[] bytes = in.readNBytes(size);
      if (bytes.length != size) {
        throw new BadInputException(
            file + " is truncated: it ends in variable " + name + " of " + size + " bytes");
      }
      CRC32C crc = new CRC32C();
      crc.update(bytes);
      if (LevelDbTable.maskedChecksum(crc) != checksum) {
        throw new BadInputException(
            file + " is damaged: variable " + name + " has a wrong checksum");
      }
      return LittleEndian.floats(bytes);
    }
  }

  /**
   * Reads an index.
   *
   * @param file what messages call it
   * @param table the bytes of {@code variables.index}
   * @return the variables in the order of their bytes in the data file
   * @throws BadInputException if the index is damaged, or describes other than one file of
   *     little-endian float32 variables of one or two sizes
   */
  static List<Variable> readIndex(String file, byte[] table) {
    List<Variable> variables = new ArrayList<>();
    for (Map.Entry<String, byte[]> pair : LevelDbTable.read(file, table).entrySet()) {
      try {
        if (pair.getKey().isEmpty()) {
          readHeader(file, pair.getValue());
        } else {
          variables.add(readEntry(file, pair.getKey(), pair.getValue()));
        }
      } catch (IOException e) {
        throw new BadInputException(
            file + " has a malformed entry for variable " + pair.getKey(), e);
      }
    }
    variables.sort(Comparator.comparingLong(Variable::offset));
    long end = 0;
    for (Variable variable : variables) {
      if (variable.offset < end) {
        throw new BadInputException(
            file + ": variable " + variable.name + " overlaps the one before it");
      }
      end = variable.offset + variable.size;
    }
    return variables;
  }

  private static void readHeader(String file, byte[] value) throws IOException {
    CodedInputStream in = CodedInputStream.newInstance(value);
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      int field = WireFormat.getTagFieldNumber(tag);
      if (field == HEADER_SHARDS && in.readInt32() != 1) {
        throw new BadInputException(file + " describes several data files, expected one");
      } else if (field == HEADER_ENDIANNESS && in.readEnum() != 0) {
        throw new BadInputException(file + " describes big-endian data, expected little-endian");
      } else if (field > HEADER_ENDIANNESS) {
        in.skipField(tag);
      }
    }
  }

  private static Variable readEntry(String file, String name, byte[] value) throws IOException {
    String where = file + ": variable " + name;
    CodedInputStream in = CodedInputStream.newInstance(value);
    int type = 0;
    List<Long> shape = List.of();
    long shard = 0;
    long offset = 0;
    long size = 0;
    int checksum = 0;
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      switch (WireFormat.getTagFieldNumber(tag)) {
        case ENTRY_TYPE -> type = in.readEnum();
        case ENTRY_SHAPE -> shape = readShape(in.readByteArray());
        case ENTRY_SHARD -> shard = in.readInt32();
        case ENTRY_OFFSET -> offset = in.readInt64();
        case ENTRY_SIZE -> size = in.readInt64();
        case ENTRY_CHECKSUM -> checksum = in.readFixed32();
        case ENTRY_SLICES ->
            throw new BadInputException(where + " is stored in slices, expected it in one piece");
        default -> in.skipField(tag);
      }
    }
    if (type != FLOAT || shard != 0) {
      throw new BadInputException(
          where + " has TensorFlow type " + type + ", expected float32 in the first data file");
    }
    if (shape.isEmpty() || shape.size() > 2) {
      throw new BadInputException(where + " has shape " + shape + ", expected one or two sizes");
    }
    long rows = shape.size() == 1 ? 1 : shape.get(0);
    long cols = shape.get(shape.size() - 1);
    if (rows < 1
        || cols < 1
        || rows > Integer.MAX_VALUE
        || cols > Integer.MAX_VALUE / Float.BYTES / rows
        || size != rows * cols * Float.BYTES
        || offset < 0) {
      throw new BadInputException(
          where + " of shape " + shape + " has " + size + " bytes, expected four an element");
    }
    return new Variable(name, (int) rows, (int) cols, offset, (int) size, checksum);
  }

  private static List<Long> readShape(byte[] value) throws IOException {
    List<Long> shape = new ArrayList<>();
    CodedInputStream in = CodedInputStream.newInstance(value);
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (WireFormat.getTagFieldNumber(tag) != SHAPE_DIM) {
        in.skipField(tag);
        continue;
      }
      long size = 0;
      CodedInputStream dim = CodedInputStream.newInstance(in.readByteArray());
      for (int part = dim.readTag(); part != 0; part = dim.readTag()) {
        if (WireFormat.getTagFieldNumber(part) == DIM_SIZE) {
          size = dim.readInt64();
        } else {
          dim.skipField(part);
        }
      }
      shape.add(size);
    }
    return shape;
  }
}

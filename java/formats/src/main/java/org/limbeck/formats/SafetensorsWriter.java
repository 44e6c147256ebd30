// SPDX-License-Identifier: Apache-2.0
package org.limbeck.formats;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.kernels.memory.Matrix;

/**
 * Writes files in the safetensors format, tensor after tensor, without holding one in memory
 * besides the matrices themselves.
 *
 * <p>The first tensor begins at a multiple of 64 bytes. Wider element types come first, so that
 * every tensor is aligned to its element size although the format allows no gaps. Equal input gives
 * equal bytes.
 */
public final class SafetensorsWriter {
  private static final int ALIGNMENT = 64;

  /** One write call's bytes: a {@link ByteBuffer} over a segment ends at 2 GB. */
  private static final long CHUNK = 16L << 20;

  private SafetensorsWriter() {}

  /**
   * A tensor to be written.
   *
   * @param shape the sizes in the file, outermost first, with as many elements as the matrix
   * @param matrix the elements on the host, row after row
   */
  public record Entry(List<Long> shape, Matrix matrix) {
    /**
     * Checks that shape and matrix have the same number of elements.
     *
     * @throws IllegalArgumentException if not
     */
    public Entry {
      shape = List.copyOf(shape);
      long elements = 1;
      for (long size : shape) {
        elements = Math.multiplyExact(elements, size);
      }
      if (elements != matrix.elements()) {
        throw new IllegalArgumentException(
            "SafetensorsWriter.Entry: shape: given "
                + shape
                + ", expected "
                + matrix.elements()
                + " elements");
      }
    }

    /**
     * Returns a tensor of one size.
     *
     * @param vector a matrix of any shape
     */
    public static Entry vector(Matrix vector) {
      return new Entry(List.of(vector.elements()), vector);
    }

    /**
     * Returns a tensor of two sizes.
     *
     * @param matrix its rows and columns are the sizes
     */
    public static Entry of(Matrix matrix) {
      return new Entry(List.of(matrix.rows(), matrix.cols()), matrix);
    }
  }

  /**
   * Writes a file, replacing one of the same name as a whole.
   *
   * @param file the file
   * @param tensors the tensors by name
   * @param metadata free-form strings for the header; may be empty
   * @throws BadInputException if it cannot be written; an earlier file is then untouched
   * @throws IllegalArgumentException if a tensor has the name that the format keeps for metadata
   * @throws IllegalStateException if a matrix is on a device
   */
  public static void write(Path file, Map<String, Entry> tensors, Map<String, String> metadata) {
    if (tensors.containsKey("__metadata__")) {
      throw new IllegalArgumentException(
          "SafetensorsWriter.write: given a tensor named __metadata__, expected another name");
    }
    List<Map.Entry<String, Entry>> ordered = new ArrayList<>(tensors.entrySet());
    ordered.sort(
        Comparator.comparingInt(
            (Map.Entry<String, Entry> entry) -> -entry.getValue().matrix.type().bytes()));
    AtomicFiles.write(
        file,
        channel -> {
          AtomicFiles.writeFully(channel, header(ordered, metadata));
          for (Map.Entry<String, Entry> entry : ordered) {
            writeElements(channel, entry.getValue().matrix);
          }
        });
  }

  /**
   * Writes matrices as tensors of two sizes.
   *
   * @param file the file
   * @param matrices the matrices by name
   * @throws BadInputException if it cannot be written; an earlier file is then untouched
   */
  public static void write(Path file, Map<String, Matrix> matrices) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    matrices.forEach((name, matrix) -> entries.put(name, Entry.of(matrix)));
    write(file, entries, Map.of());
  }

  private static ByteBuffer header(
      List<Map.Entry<String, Entry>> tensors, Map<String, String> metadata) {
    StringWriter text = new StringWriter();
    try (JsonWriter json = new JsonWriter(text)) {
      json.beginObject();
      if (!metadata.isEmpty()) {
        json.name("__metadata__").beginObject();
        for (Map.Entry<String, String> entry : metadata.entrySet()) {
          json.name(entry.getKey()).value(entry.getValue());
        }
        json.endObject();
      }
      long offset = 0;
      for (Map.Entry<String, Entry> tensor : tensors) {
        Matrix matrix = tensor.getValue().matrix;
        long end = offset + matrix.elements() * matrix.type().bytes();
        json.name(tensor.getKey()).beginObject();
        json.name("dtype").value(ElementType.of(matrix.type()).name());
        json.name("shape").beginArray();
        for (long size : tensor.getValue().shape) {
          json.value(size);
        }
        json.endArray();
        json.name("data_offsets").beginArray().value(offset).value(end).endArray();
        json.endObject();
        offset = end;
      }
      json.endObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    int padded = (Long.BYTES + bytes.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    ByteBuffer header = ByteBuffer.allocate(padded).order(ByteOrder.LITTLE_ENDIAN);
    header.putLong(padded - Long.BYTES).put(bytes);
    while (header.hasRemaining()) {
      header.put((byte) ' ');
    }
    return header.flip();
  }

  private static void writeElements(FileChannel channel, Matrix matrix) throws IOException {
    if (matrix.isContiguous()) {
      writeBytes(channel, matrix, matrix.offsetBytes(), matrix.elements());
    } else {
      for (long row = 0; row < matrix.rows(); row++) {
        writeBytes(channel, matrix, matrix.rowOffsetBytes(row), matrix.cols());
      }
    }
  }

  private static void writeBytes(FileChannel channel, Matrix matrix, long offset, long elements)
      throws IOException {
    MemorySegment bytes = matrix.segment().asSlice(offset, elements * matrix.type().bytes());
    for (long from = 0; from < bytes.byteSize(); from += CHUNK) {
      long length = Math.min(CHUNK, bytes.byteSize() - from);
      AtomicFiles.writeFully(channel, bytes.asSlice(from, length).asByteBuffer());
    }
  }
}

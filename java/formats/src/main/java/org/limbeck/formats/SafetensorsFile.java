// SPDX-License-Identifier: Apache-2.0
package org.limbeck.formats;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.io.StringReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An open file in the safetensors format: eight bytes with the length of a JSON header, the header
 * with type, shape and byte range of each tensor, then the bytes of all tensors without a gap.
 *
 * <p>The file is memory-mapped: opening it reads the header only, and tensors may exceed 2 GB. The
 * whole header is checked before a tensor can be asked for.
 */
public final class SafetensorsFile implements AutoCloseable {
  /** The longest header, as in the format's own implementation. */
  private static final long LONGEST_HEADER = 100_000_000;

  private static final int PREFIX = Long.BYTES;
  private static final String METADATA = "__metadata__";
  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Arena arena;
  private final Map<String, TensorView> tensors;
  private final Map<String, String> metadata;

  private SafetensorsFile(
      Arena arena, Map<String, TensorView> tensors, Map<String, String> metadata) {
    this.arena = arena;
    this.tensors = Collections.unmodifiableMap(tensors);
    this.metadata = Collections.unmodifiableMap(metadata);
  }

  /**
   * Maps a file and checks its header. The file must not shrink while it is open.
   *
   * @param file the file
   * @return the open file; its tensors end when it is closed
   * @throws BadInputException if the file cannot be read, is truncated, or is malformed
   */
  public static SafetensorsFile open(Path file) {
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment bytes =
          channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena).asReadOnly();
      return new Header(file.toString(), bytes).parse(arena);
    } catch (IOException e) {
      arena.close();
      throw BadInputException.reading(file, e);
    } catch (BadInputException e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Reads a file's content that is in memory already.
   *
   * @param name what messages call it
   * @param bytes the whole content; {@link MemorySegment#ofBuffer} and {@link
   *     MemorySegment#ofArray} make a segment of a buffer or an array
   * @return the open file; closing it does not free the bytes
   * @throws BadInputException if the content is truncated or malformed
   */
  public static SafetensorsFile of(String name, MemorySegment bytes) {
    return new Header(name, bytes.asReadOnly()).parse(null);
  }

  /** Returns the tensors by name, in the order of the header. */
  public Map<String, TensorView> tensors() {
    return tensors;
  }

  /** Returns the header's free-form strings. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /**
   * Returns one tensor.
   *
   * @param name its name
   * @return a view
   * @throws IllegalArgumentException if the file holds none of that name
   */
  public TensorView tensor(String name) {
    TensorView view = tensors.get(name);
    if (view == null) {
      throw new IllegalArgumentException(
          "SafetensorsFile.tensor: given " + name + ", expected one of " + tensors.keySet());
    }
    return view;
  }

  /** Unmaps the file. Using a tensor afterwards is reported as an error. */
  @Override
  public void close() {
    if (arena != null && arena.scope().isAlive()) {
      arena.close();
    }
  }

  /** A tensor as the header describes it, its byte range relative to the first tensor's byte. */
  private record Range(String name, ElementType type, List<Long> shape, long from, long to) {}

  /** Reads the header of one file. */
  private static final class Header {
    private final String file;
    private final MemorySegment bytes;

    Header(String file, MemorySegment bytes) {
      this.file = file;
      this.bytes = bytes;
    }

    SafetensorsFile parse(Arena arena) {
      if (bytes.byteSize() < PREFIX) {
        throw bad(
            "is truncated: it holds "
                + bytes.byteSize()
                + " bytes, expected at least "
                + PREFIX
                + " for the length of its header");
      }
      long length = bytes.get(LENGTH, 0);
      if (length < 2 || length > LONGEST_HEADER) {
        throw bad(
            "is no safetensors file: its header's length is "
                + Long.toUnsignedString(length)
                + " bytes, expected 2 to "
                + LONGEST_HEADER);
      }
      if (length > bytes.byteSize() - PREFIX) {
        throw bad(
            "is truncated: its header takes "
                + length
                + " bytes, expected no more than the "
                + (bytes.byteSize() - PREFIX)
                + " that are there");
      }
      Map<String, String> metadata = new LinkedHashMap<>();
      List<Range> ranges = read(text(length), metadata);
      MemorySegment data = bytes.asSlice(PREFIX + length);
      checkCover(ranges, data.byteSize());
      Map<String, TensorView> tensors = new LinkedHashMap<>();
      for (Range range : ranges) {
        tensors.put(
            range.name,
            new TensorView(
                where(range.name),
                range.type,
                range.shape,
                data.asSlice(range.from, range.to - range.from)));
      }
      return new SafetensorsFile(arena, tensors, metadata);
    }

    private String text(long length) {
      ByteBuffer header = bytes.asSlice(PREFIX, length).asByteBuffer();
      try {
        return StandardCharsets.UTF_8.newDecoder().decode(header).toString();
      } catch (CharacterCodingException e) {
        throw new BadInputException(file + " has a header that is not UTF-8", e);
      }
    }

    private List<Range> read(String json, Map<String, String> metadata) {
      List<Range> ranges = new ArrayList<>();
      Map<String, Boolean> names = new LinkedHashMap<>();
      try (JsonReader in = new JsonReader(new StringReader(json))) {
        in.setStrictness(Strictness.STRICT);
        in.beginObject();
        while (in.hasNext()) {
          String name = in.nextName();
          if (names.put(name, true) != null) {
            throw bad("names " + name + " twice in its header, expected unique names");
          }
          if (name.equals(METADATA)) {
            readMetadata(in, metadata);
          } else {
            ranges.add(readTensor(in, name));
          }
        }
        in.endObject();
        if (in.peek() != JsonToken.END_DOCUMENT) {
          throw bad("has a header with more than one JSON object");
        }
      } catch (MalformedJsonException | IllegalStateException | NumberFormatException e) {
        throw new BadInputException(
            file + " has a malformed header, expected JSON as safetensors has it: " + firstLine(e),
            e);
      } catch (IOException e) {
        throw new BadInputException(file + " has a header that ends in the middle of its JSON", e);
      }
      return ranges;
    }

    private void readMetadata(JsonReader in, Map<String, String> metadata) throws IOException {
      in.beginObject();
      while (in.hasNext()) {
        String key = in.nextName();
        if (in.peek() != JsonToken.STRING) {
          throw bad("has metadata " + key + " of type " + in.peek() + ", expected a string");
        }
        metadata.put(key, in.nextString());
      }
      in.endObject();
    }

    private Range readTensor(JsonReader in, String name) throws IOException {
      String type = null;
      List<Long> shape = null;
      List<Long> offsets = null;
      in.beginObject();
      while (in.hasNext()) {
        String key = in.nextName();
        switch (key) {
          case "dtype" -> type = in.nextString();
          case "shape" -> shape = readSizes(in, name, key);
          case "data_offsets" -> offsets = readSizes(in, name, key);
          default ->
              throw new BadInputException(
                  where(name) + " has a field " + key + ", expected dtype, shape, data_offsets");
        }
      }
      in.endObject();
      if (type == null || shape == null || offsets == null || offsets.size() != 2) {
        throw new BadInputException(
            where(name) + " is incomplete, expected dtype, shape and two data_offsets");
      }
      return checkedRange(name, type, shape, offsets.get(0), offsets.get(1));
    }

    private List<Long> readSizes(JsonReader in, String name, String key) throws IOException {
      List<Long> sizes = new ArrayList<>();
      in.beginArray();
      while (in.hasNext()) {
        long size = in.nextLong();
        if (size < 0) {
          throw new BadInputException(
              where(name) + " has " + key + " with " + size + ", expected numbers of 0 or more");
        }
        sizes.add(size);
      }
      in.endArray();
      return sizes;
    }

    private Range checkedRange(String name, String type, List<Long> shape, long from, long to) {
      ElementType elementType;
      try {
        elementType = ElementType.valueOf(type);
      } catch (IllegalArgumentException e) {
        throw new BadInputException(
            where(name)
                + " has elements of type "
                + type
                + ", expected one of "
                + List.of(ElementType.values()),
            e);
      }
      long size;
      try {
        size = elementType.bytes();
        for (long dimension : shape) {
          size = Math.multiplyExact(size, dimension);
        }
      } catch (ArithmeticException e) {
        throw new BadInputException(
            where(name) + " has the shape " + shape + ", expected fewer than 2^63 bytes", e);
      }
      if (to < from || to - from != size) {
        throw new BadInputException(
            where(name)
                + " of type "
                + type
                + " and shape "
                + shape
                + " has the byte range "
                + from
                + " to "
                + to
                + ", expected "
                + size
                + " bytes");
      }
      return new Range(name, elementType, shape, from, to);
    }

    /** Every byte belongs to exactly one tensor, as the format demands. */
    private void checkCover(List<Range> ranges, long size) {
      List<Range> ordered = new ArrayList<>(ranges);
      ordered.sort(Comparator.comparingLong(Range::from).thenComparingLong(Range::to));
      long end = 0;
      for (Range range : ordered) {
        if (range.to > size) {
          throw new BadInputException(
              where(range.name)
                  + " is truncated: it ends at byte "
                  + range.to
                  + ", expected at most the "
                  + size
                  + " that follow the header");
        }
        if (range.from != end) {
          throw new BadInputException(
              where(range.name)
                  + " begins at byte "
                  + range.from
                  + ", expected "
                  + end
                  + " where the one before it ends");
        }
        end = range.to;
      }
      if (end != size) {
        throw bad(
            "has " + size + " bytes after its header, expected the " + end + " of its tensors");
      }
    }

    private String where(String name) {
      return file + ": tensor " + name;
    }

    private BadInputException bad(String what) {
      return new BadInputException(file + " " + what);
    }

    /** The JSON reader's messages end with a link for programmers on a line of its own. */
    private static String firstLine(Exception e) {
      return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }
  }
}

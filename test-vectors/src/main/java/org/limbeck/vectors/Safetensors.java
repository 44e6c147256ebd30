// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.limbeck.kernels.memory.DType;

/**
 * Reads a payload in the safetensors format: eight bytes with the length of a JSON header, the
 * header with type, shape and byte range of each tensor, then the bytes.
 */
final class Safetensors {
  private Safetensors() {}

  /**
   * Reads all tensors.
   *
   * @param name the file's name, for messages
   * @param bytes the file's content
   * @throws VectorFormatException if the content is not a whole, consistent payload
   */
  static Map<String, Tensor> parse(String name, byte[] bytes) {
    if (bytes.length < 8) {
      throw bad(name, "holds " + bytes.length + " bytes, fewer than its header's length takes");
    }
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long headerLength = file.getLong(0);
    if (headerLength < 2 || headerLength > bytes.length - 8) {
      throw bad(name, "is truncated: its header of " + headerLength + " bytes does not fit");
    }
    JsonObject header;
    try {
      header =
          JsonParser.parseString(new String(bytes, 8, (int) headerLength, StandardCharsets.UTF_8))
              .getAsJsonObject();
    } catch (JsonParseException | IllegalStateException e) {
      throw new VectorFormatException(name + ": the header is not a JSON object", e);
    }
    int begin = 8 + (int) headerLength;
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, JsonElement> entry : header.entrySet()) {
      if (!entry.getKey().equals("__metadata__")) {
        tensors.put(
            entry.getKey(),
            tensor(name + ": tensor " + entry.getKey(), entry.getValue(), file, begin));
      }
    }
    checkNoOverlap(name, header);
    return tensors;
  }

  /** Checks that no byte belongs to two tensors, whose entries are known to be well-formed. */
  private static void checkNoOverlap(String name, JsonObject header) {
    List<String> byOffset = new ArrayList<>(header.keySet());
    byOffset.removeIf(tensor -> tensor.equals("__metadata__") || isEmpty(header, tensor));
    byOffset.sort(Comparator.comparingLong(tensor -> offset(header, tensor, 0)));
    for (int i = 1; i < byOffset.size(); i++) {
      String before = byOffset.get(i - 1);
      if (offset(header, byOffset.get(i), 0) < offset(header, before, 1)) {
        throw bad(name + ": tensor " + byOffset.get(i), "lies over the tensor " + before);
      }
    }
  }

  private static boolean isEmpty(JsonObject header, String tensor) {
    return offset(header, tensor, 0) == offset(header, tensor, 1);
  }

  private static long offset(JsonObject header, String tensor, int index) {
    return header.getAsJsonObject(tensor).getAsJsonArray("data_offsets").get(index).getAsLong();
  }

  private static Tensor tensor(String where, JsonElement entry, ByteBuffer file, int begin) {
    try {
      JsonObject object = entry.getAsJsonObject();
      DType type = type(where, object.get("dtype").getAsString());
      List<Long> shape =
          object.getAsJsonArray("shape").asList().stream().map(JsonElement::getAsLong).toList();
      long from = object.getAsJsonArray("data_offsets").get(0).getAsLong();
      long to = object.getAsJsonArray("data_offsets").get(1).getAsLong();
      long elements = 1;
      for (long size : shape) {
        if (size < 0) {
          throw bad(where, "has a negative size");
        }
        elements = Math.multiplyExact(elements, size);
      }
      if (from < 0 || to - from != Math.multiplyExact(elements, (long) type.bytes())) {
        throw bad(where, "has a byte range of " + (to - from) + " for " + elements + " elements");
      }
      if (to > file.capacity() - begin) {
        throw bad(where, "is truncated: the file ends before its last byte");
      }
      ByteBuffer data =
          file.slice(begin + (int) from, (int) (to - from)).order(ByteOrder.LITTLE_ENDIAN);
      return new Tensor(type, shape, data);
    } catch (IllegalStateException
        | NullPointerException
        | IndexOutOfBoundsException
        | ClassCastException
        | UnsupportedOperationException
        | ArithmeticException
        | IllegalArgumentException e) {
      throw new VectorFormatException(where + " has a malformed entry: " + entry, e);
    }
  }

  /** Returns the type of a name; BOOL, as a mask may be stored, is a byte of 0 or 1. */
  private static DType type(String where, String name) {
    if (name.equals("BOOL")) {
      return DType.U8;
    }
    for (DType type : DType.values()) {
      if (type.name().equals(name)) {
        return type;
      }
    }
    throw bad(where, "is of type " + name + ", which this schema does not have");
  }

  private static VectorFormatException bad(String where, String what) {
    return new VectorFormatException(where + " " + what);
  }
}

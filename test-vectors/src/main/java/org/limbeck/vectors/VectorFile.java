// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.limbeck.formats.BadInputException;
import org.limbeck.formats.SafetensorsFile;
import org.limbeck.formats.TensorView;
import org.limbeck.kernels.memory.DType;

/**
 * A vector file of schema {@code limbeck-vectors-v1}.
 *
 * @param name the file's name, for messages
 * @param stem the stem
 * @param generator who computed it, with what precision
 * @param notes what each flag stands for
 * @param cases the cases
 */
public record VectorFile(
    String name, String stem, String generator, Map<String, String> notes, List<VectorCase> cases) {

  /** The schema that this reader knows. */
  public static final String SCHEMA = "limbeck-vectors-v1";

  /**
   * Parses a file.
   *
   * @param name the file's name, for messages
   * @param json the file's content
   * @param payloads gives the bytes of a payload by its name
   * @throws VectorFormatException if the content does not follow the schema
   */
  static VectorFile parse(String name, byte[] json, Payloads payloads) {
    try {
      JsonObject root =
          JsonParser.parseString(new String(json, StandardCharsets.UTF_8)).getAsJsonObject();
      String schema = string(name, root, "schema");
      if (!schema.equals(SCHEMA)) {
        throw new VectorFormatException(
            name + ": the schema is " + schema + ", expected " + SCHEMA);
      }
      String payload = string(name, root, "payload");
      Map<String, Tensor> tensors = tensors(name + ": payload " + payload, payloads.read(payload));
      String stem = string(name, root, "stem");
      Set<String> ids = new LinkedHashSet<>();
      List<VectorCase> cases = new ArrayList<>();
      for (JsonElement element : required(name, root, "cases").getAsJsonArray()) {
        VectorCase parsed = parseCase(name, stem, element.getAsJsonObject(), tensors);
        if (!ids.add(parsed.id())) {
          throw new VectorFormatException(name + ": case " + parsed.id() + " is there twice");
        }
        cases.add(parsed);
      }
      if (cases.isEmpty()) {
        throw new VectorFormatException(name + ": holds no case");
      }
      String generator = text(root, "generator", "unknown");
      return new VectorFile(name, stem, generator, notes(root), List.copyOf(cases));
    } catch (JsonParseException
        | IllegalStateException
        | ClassCastException
        | NumberFormatException
        | UnsupportedOperationException e) {
      throw new VectorFormatException(
          name + ": not a file of schema " + SCHEMA + ": " + firstLine(e), e);
    }
  }

  private static Map<String, Tensor> tensors(String where, byte[] payload) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (SafetensorsFile file = SafetensorsFile.of(where, MemorySegment.ofArray(payload))) {
      file.tensors().forEach((tensor, view) -> tensors.put(tensor, tensor(view)));
      return tensors;
    } catch (BadInputException e) {
      throw new VectorFormatException(e.getMessage(), e);
    }
  }

  private static Tensor tensor(TensorView view) {
    DType type =
        view.type()
            .dtype()
            .orElseThrow(
                () ->
                    new VectorFormatException(
                        view.name() + " is of type F16, which this schema does not have"));
    ByteBuffer data = view.data().asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    return new Tensor(type, view.shape(), data);
  }

  private static String firstLine(Exception e) {
    if (e instanceof ClassCastException) {
      return "an object stands where a value belongs, or a value where an object does";
    }
    String line = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    return line.replaceFirst("^[\\w.]+Exception: ", "");
  }

  private static Map<String, String> notes(JsonObject root) {
    Map<String, String> notes = new LinkedHashMap<>();
    if (has(root, "notes")) {
      root.getAsJsonObject("notes")
          .asMap()
          .forEach((flag, note) -> notes.put(flag, note.toString()));
    }
    return notes;
  }

  private static VectorCase parseCase(
      String name, String stem, JsonObject object, Map<String, Tensor> tensors) {
    String id = string(name, object, "id");
    String where = name + ": case " + id;
    String result = text(object, "result", "valid");
    if (!result.equals("valid") && !result.equals("invalid")) {
      throw new VectorFormatException(
          where + ": the result is " + result + ", expected valid or invalid");
    }
    JsonObject tolerance =
        has(object, "tolerance") ? object.getAsJsonObject("tolerance") : new JsonObject();
    List<String> flags = new ArrayList<>();
    if (has(object, "flags")) {
      object.getAsJsonArray("flags").forEach(flag -> flags.add(flag.getAsString()));
    }
    Map<String, Tensor> expect = resolve(where, object, "expect", tensors);
    checkMagnitudes(where, expect);
    return new VectorCase(
        stem,
        id,
        text(object, "comment", ""),
        List.copyOf(flags),
        has(object, "params") ? object.getAsJsonObject("params") : new JsonObject(),
        resolve(where, object, "inputs", tensors),
        expect,
        tolerance(where, tolerance, "relative"),
        tolerance(where, tolerance, "absolute"),
        result.equals("invalid") ? string(where, object, "error") : null);
  }

  private static double tolerance(String where, JsonObject object, String key) {
    double value = has(object, key) ? object.get(key).getAsDouble() : 0;
    if (!(value >= 0 && value < Double.POSITIVE_INFINITY)) {
      throw new VectorFormatException(
          where + ": the tolerance " + key + " is " + value + ", expected a number of at least 0");
    }
    return value;
  }

  private static void checkMagnitudes(String where, Map<String, Tensor> expect) {
    expect.forEach(
        (name, tensor) -> {
          Tensor magnitude = expect.get(name + ".magnitude");
          if (magnitude != null && magnitude.elements() != tensor.elements()) {
            throw new VectorFormatException(
                where + ": " + name + " is " + tensor + ", its magnitude " + magnitude);
          }
        });
  }

  private static Map<String, Tensor> resolve(
      String where, JsonObject object, String key, Map<String, Tensor> tensors) {
    Map<String, Tensor> resolved = new LinkedHashMap<>();
    if (!has(object, key)) {
      return resolved;
    }
    for (Map.Entry<String, JsonElement> entry : object.getAsJsonObject(key).entrySet()) {
      String tensorName = entry.getValue().getAsString();
      Tensor tensor = tensors.get(tensorName);
      if (tensor == null) {
        throw new VectorFormatException(
            where
                + ": "
                + key
                + "."
                + entry.getKey()
                + " names the tensor "
                + tensorName
                + ", which the payload does not hold");
      }
      resolved.put(entry.getKey(), tensor);
    }
    return resolved;
  }

  private static JsonElement required(String where, JsonObject object, String key) {
    JsonElement value = object.get(key);
    if (value == null || value.isJsonNull()) {
      throw new VectorFormatException(where + ": the key " + key + " is missing");
    }
    return value;
  }

  private static boolean has(JsonObject object, String key) {
    return object.has(key) && !object.get(key).isJsonNull();
  }

  /** Returns what a person wrote for persons, in whatever form; a default where there is none. */
  private static String text(JsonObject object, String key, String otherwise) {
    if (!has(object, key)) {
      return otherwise;
    }
    JsonElement value = object.get(key);
    return value.isJsonPrimitive() ? value.getAsString() : value.toString();
  }

  private static String string(String where, JsonObject object, String key) {
    return required(where, object, key).getAsString();
  }

  /** Gives the bytes of a payload by its name, relative to the vector file. */
  @FunctionalInterface
  interface Payloads {
    byte[] read(String payload);
  }
}

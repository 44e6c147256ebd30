// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.limbeck.formats.BadInputException;

/** The fields of a JSON object in a file; what is missing or of another kind is named. */
final class JsonFields {
  private final String where;
  private final JsonObject json;

  private JsonFields(String where, JsonObject json) {
    this.where = where;
    this.json = json;
  }

  /**
   * Reads a file that holds one object.
   *
   * @throws BadInputException if it cannot be read or is malformed
   */
  static JsonFields read(Path file) {
    try {
      return new JsonFields(
          file.toString(),
          JsonParser.parseString(VocabularyFiles.readText(file)).getAsJsonObject());
    } catch (JsonParseException | IllegalStateException e) {
      throw new BadInputException(file + " is malformed, expected a JSON object", e);
    }
  }

  /** Returns what messages begin with: the file, and the field of an object inside it. */
  String where() {
    return where;
  }

  boolean has(String field) {
    return json.has(field);
  }

  /** Returns whether a field is there and has a value. */
  boolean is(String field, JsonElement value) {
    return value.equals(json.get(field));
  }

  /** Checks that a field has a value. */
  void expect(String field, JsonElement value) {
    if (!is(field, value)) {
      throw bad(field, value.toString());
    }
  }

  /** Checks that a field has a text. */
  void expect(String field, String text) {
    expect(field, new JsonPrimitive(text));
  }

  /** Returns an object. */
  JsonFields object(String field) {
    if (!(json.get(field) instanceof JsonObject object)) {
      throw bad(field, "an object");
    }
    return new JsonFields(where + ": " + field, object);
  }

  /** Returns a text. */
  String text(String field) {
    if (!(json.get(field) instanceof JsonPrimitive text) || !text.isString()) {
      throw bad(field, "a text");
    }
    return text.getAsString();
  }

  /** Returns a whole number above 0 that an {@code int} holds. */
  int size(String field) {
    double value = number(field);
    if (value != Math.rint(value) || value < 1 || value > Integer.MAX_VALUE) {
      throw bad(field, "a whole number above 0");
    }
    return (int) value;
  }

  /** Returns whether a field is true. */
  boolean flag(String field) {
    if (!(json.get(field) instanceof JsonPrimitive flag) || !flag.isBoolean()) {
      throw bad(field, "true or false");
    }
    return flag.getAsBoolean();
  }

  /** Returns a list of whole numbers that an {@code int} holds. */
  List<Integer> integers(String field) {
    return list(
        field,
        "a list of whole numbers",
        element ->
            element instanceof JsonPrimitive number
                    && number.isNumber()
                    && number.getAsDouble() == number.getAsInt()
                ? number.getAsInt()
                : null);
  }

  /** Returns a list of truth values. */
  List<Boolean> flags(String field) {
    return list(
        field,
        "a list of true and false",
        element ->
            element instanceof JsonPrimitive flag && flag.isBoolean() ? flag.getAsBoolean() : null);
  }

  private <T> List<T> list(String field, String expected, Function<JsonElement, T> reader) {
    if (!(json.get(field) instanceof JsonArray array)) {
      throw bad(field, expected);
    }
    List<T> values = new ArrayList<>();
    for (JsonElement element : array) {
      T value = reader.apply(element);
      if (value == null) {
        throw bad(field, expected);
      }
      values.add(value);
    }
    return values;
  }

  /** Returns a number. */
  double number(String field) {
    try {
      if (json.get(field) instanceof JsonPrimitive number && number.isNumber()) {
        return number.getAsDouble();
      }
    } catch (NumberFormatException e) {
      throw new BadInputException(bad(field, "a number").getMessage(), e);
    }
    throw bad(field, "a number");
  }

  private BadInputException bad(String field, String expected) {
    JsonElement value = json.get(field);
    return new BadInputException(
        where
            + ": "
            + field
            + " is "
            + (value == null ? "missing" : value)
            + ", expected "
            + expected);
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.vectors.CaseResult.Outcome;
import org.limbeck.vectors.stems.StemAdapters;

/**
 * Vectors as somebody writes them who knows the schema alone: every liberty it gives is taken, and
 * every way in which such a file can be damaged is one sentence.
 */
class ForeignVectorsTest {
  private static final double LN3 = Math.log(3);

  @TempDir private Path directory;

  /** A payload in the making. */
  private static final class Payload {
    private final StringBuilder header = new StringBuilder("{\"__metadata__\":{\"by\":\"x\"}");
    private final ByteBuffer data = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);

    Payload add(String name, String type, String shape, double... values) {
      int from = data.position();
      for (double value : values) {
        switch (type) {
          case "F64" -> data.putDouble(value);
          case "F32" -> data.putFloat((float) value);
          case "I64" -> data.putLong((long) value);
          case "I32" -> data.putInt((int) value);
          default -> data.put((byte) value);
        }
      }
      return entry(name, type, shape, from, data.position());
    }

    Payload entry(String name, String type, String shape, long from, long to) {
      header.append(
          String.format(
              Locale.ROOT,
              ",\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}",
              name,
              type,
              shape,
              from,
              to));
      return this;
    }

    byte[] bytes() {
      byte[] text = (header + "}").getBytes(StandardCharsets.UTF_8);
      return file(text.length, text, Arrays.copyOf(data.array(), data.position()));
    }

    static byte[] file(String header, int dataBytes) {
      byte[] text = header.getBytes(StandardCharsets.UTF_8);
      return file(text.length, text, new byte[dataBytes]);
    }

    static byte[] file(long headerLength, byte[] header, byte[] data) {
      return ByteBuffer.allocate(8 + header.length + data.length)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putLong(headerLength)
          .put(header)
          .put(data)
          .array();
    }

    void write(Path path) throws IOException {
      Files.write(path, bytes());
    }
  }

  private static String file(String stem, String... cases) {
    return "{\"schema\":\"limbeck-vectors-v1\",\"stem\":\""
        + stem
        + "\",\"payload\":\"shared.safetensors\",\"cases\":["
        + String.join(",", cases)
        + "]}";
  }

  private static String valid(String id, String inputs, String expect, String more) {
    return "{\"id\":\""
        + id
        + "\",\"inputs\":{"
        + inputs
        + "},\"expect\":{"
        + expect
        + "},\"tolerance\":{\"relative\":2e-6,\"absolute\":1e-7}"
        + more
        + "}";
  }

  private static String invalid(String id, String inputs, String params, String error) {
    return "{\"id\":\""
        + id
        + "\",\"inputs\":{"
        + inputs
        + "},\"params\":{"
        + params
        + "},\"result\":\"invalid\",\"error\":\""
        + error
        + "\"}";
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
  }

  @Test
  void whatTheSchemaAllowsIsTaken() throws IOException {
    new Payload()
        .add("z", "F32", "[1,2]", 0, LN3)
        .add("zero", "F64", "[1,2]", 0, 0)
        .add("quarters", "F64", "[1,2]", 0.25, 0.75)
        .add("minus_plus", "F32", "[2]", -0.25, 0.25)
        .add("half_ln_4_3", "F32", "[]", Math.log(4 / 3.0) / 2)
        .add("weight", "F64", "[1]", 1)
        .add("negative", "F32", "[1]", -1)
        .add("keep", "BOOL", "[2]", 1, 1)
        .add("label", "I32", "[1]", 1)
        .add("outside", "I64", "[1]", 2)
        .add("class0", "I32", "[1]", 0)
        .add("pet", "F64", "[1]", -Math.log(0.5625))
        .add("scores_s", "F32", "[1,1,1,2]", 0, LN3)
        .add("scores_t", "F32", "[1,1,1,2]", 0, 0)
        .add("eleven", "F64", "[1,1]", 11)
        .add("size", "F64", "[1,1]", 11)
        .add("none", "F64", "[1,1]", 0)
        .add("three", "I32", "[3]", 1, 1, 1)
        .add("a", "F32", "[1,2]", 1, 2)
        .add("b", "F32", "[2,1]", 3, 4)
        .add("bias", "F32", "[1]", -11)
        .add("mean_square", "F64", "[1]", 2.5)
        .add("nan", "F32", "[1,2]", Double.NaN, 1)
        .add("nan_loss", "F32", "[1]", Double.NaN)
        .add("x", "F32", "[1,2]", 1, -3)
        .add("signs", "F32", "[1,2]", 2, -2)
        .add("plus_minus", "I8", "[1,2]", 1, -1)
        .add("minus_one", "F64", "[1,1]", -1)
        .add("wide", "I32", "[1,2]", 100, -100)
        .add("two_hundred", "I64", "[1,1]", 200)
        .add("wider", "I32", "[1,2]", 1, 300)
        .write(directory.resolve("shared.safetensors"));
    String pair = "\"student\":\"z\",\"teacher\":\"zero\"";
    write(
        "kl.json",
        file(
                "softmax_kl",
                valid("bare", pair, "\"loss\":\"half_ln_4_3\"", ""),
                valid(
                    "all",
                    pair
                        + ",\"row_weight\":\"weight\",\"column_mask\":\"keep\",\"labels\":\"label\"",
                    "\"loss\":\"half_ln_4_3\",\"grad_student\":\"minus_plus\"",
                    ",\"comment\":null,\"flags\":null,\"extra\":[1],\"params\":{"
                        + "\"mode\":\"forward_kl\",\"temperature\":1,\"teacher_temperature\":null,"
                        + "\"beta\":0.5,\"alpha\":0.1,\"scale\":1,\"soft_cap\":null,"
                        + "\"hard_weight\":0.0,\"soft_weight\":1,\"label_smoothing\":0,"
                        + "\"ignore_index\":-100,\"normaliser\":\"1.0\",\"two_sided\":false}"),
                invalid("nan", pair, "\"temperature\":\"NaN\"", "TEMPERATURE"),
                invalid("no-mode", pair, "\"mode\":\"other\"", "Mode"),
                invalid("weight", pair + ",\"row_weight\":\"negative\"", "", "row_weight"),
                invalid("label", pair + ",\"labels\":\"outside\"", "\"hard_weight\":1", "Labels"),
                invalid("no-teacher", "\"student\":\"z\"", "", "teacher"))
            .replace(
                "\"stem\"", "\"generator\":{\"who\":\"me\"},\"notes\":null,\"more\":1,\"stem\""));
    write(
        "maps.json",
        file(
            "attention_kl",
            valid(
                "maps",
                "\"student_scores\":\"scores_s\",\"teacher_scores\":\"scores_t\"",
                "\"loss\":\"half_ln_4_3\"",
                ",\"params\":{\"input\":\"scores\",\"temperature\":1,\"scale\":1,\"qk_scale\":null,"
                    + "\"clamp\":1e-8,\"causal\":false,\"tau_squared\":true}"),
            invalid("flat", "\"student_scores\":\"z\",\"teacher_scores\":\"z\"", "", "DIMENSIONS"),
            invalid(
                "lengths",
                "\"student_q\":\"scores_s\",\"student_k\":\"scores_s\",\"teacher_q\":\"scores_t\","
                    + "\"teacher_k\":\"scores_t\",\"lengths\":\"three\"",
                "\"input\":\"qk\"",
                "lengths")));
    write(
        "gemm.json",
        file(
            "gemm_f32",
            valid(
                "plain",
                "\"a\":\"a\",\"b\":\"b\"",
                "\"c\":\"eleven\",\"c.magnitude\":\"size\"",
                ",\"result\":\"valid\""),
            valid(
                "gelu",
                "\"a\":\"a\",\"b\":\"b\",\"bias\":\"bias\"",
                "\"c\":\"none\"",
                ",\"params\":{\"epilogue\":\"bias+gelu\",\"trans_a\":false,\"trans_b\":false,"
                    + "\"alpha\":1.0,\"beta\":0}"),
            invalid("no-c", "\"a\":\"a\",\"b\":\"b\"", "\"beta\":1", "c is missing")));
    write(
        "mse.json",
        file(
            "mse",
            valid(
                "mode",
                "\"student\":\"a\",\"teacher\":\"zero\"",
                "\"loss\":\"mean_square\"",
                ",\"params\":{\"mode\":\"mse\",\"normaliser\":\"mean_rows\"}"),
            valid("nan", "\"student\":\"nan\",\"teacher\":\"zero\"", "\"loss\":\"nan_loss\"", "")));
    write(
        "pet.json",
        file(
            "pet_warmup",
            valid(
                "pet",
                "\"student\":\"z\",\"gold\":\"label\",\"label\":\"class0\"",
                "\"loss\":\"pet\"",
                ",\"params\":{\"label_smoothing\":0}")));
    write(
        "softmax.json",
        file(
            "softmax",
            valid("eps", "\"x\":\"z\"", "\"y\":\"quarters\"", ",\"params\":{\"eps\":1e-12}")));
    write(
        "sign.json",
        file(
            "fake_quant",
            valid(
                "sign",
                "\"x\":\"x\"",
                "\"y\":\"signs\",\"codes\":\"plus_minus\"",
                ",\"params\":{\"scheme\":\"sign\",\"bits\":1,\"clip\":\"Infinity\"}"),
            invalid("bits", "\"x\":\"x\"", "\"scheme\":\"lsq\",\"bits\":1e12", "")));
    write(
        "bytes.json",
        file(
            "gemm_i8",
            valid(
                "integers-of-any-type",
                "\"a\":\"plus_minus\",\"b\":\"wide\"",
                "\"c\":\"two_hundred\"",
                ",\"params\":{\"trans_b\":true}"),
            invalid(
                "no-byte",
                "\"a\":\"plus_minus\",\"b\":\"wider\"",
                "\"trans_b\":true",
                "b holds 300")));
    write(
        "ternary.json",
        file(
            "gemm_ternary",
            valid(
                "double-scale",
                "\"x\":\"a\",\"codes\":\"plus_minus\",\"scale\":\"weight\"",
                "\"y\":\"minus_one\"",
                ",\"params\":{\"activations\":null}"),
            invalid(
                "code",
                "\"x\":\"a\",\"codes\":\"wide\",\"scale\":\"weight\"",
                "\"activations\":\"i8_row\"",
                "codes")));
    write("later.json", file("linear_kl", valid("later", "", "", "")));

    for (String backend : List.of("scalar", "vector")) {
      try (OperationRunner operations = OperationRunner.open(backend, 1)) {
        CaseRunner runner = new CaseRunner(operations, StemAdapters::find);
        Map<Outcome, List<String>> outcomes = new TreeMap<>();
        for (VectorFile file : VectorCatalog.in(directory)) {
          for (VectorCase c : file.cases()) {
            CaseResult result = runner.run(c);
            outcomes
                .computeIfAbsent(result.outcome(), o -> new ArrayList<>())
                .add(file.name() + ": " + c.id() + ": " + result.message());
          }
        }
        assertEquals(null, outcomes.get(Outcome.FAILED));
        assertEquals(23, outcomes.get(Outcome.PASSED).size());
        assertEquals(1, outcomes.get(Outcome.SKIPPED).size());
      }
    }
  }

  @Test
  void damagedPayloadsAreOneSentence() throws IOException {
    write("x.json", file("softmax", valid("c", "\"x\":\"x\"", "\"y\":\"x\"", "")));
    refusedPayload(new byte[7], "x.json: payload shared.safetensors is truncated");
    refusedPayload(Payload.file("{\"x\":{", 0), "ends in the middle of its JSON");
    refusedEntry("F8_E4M3", "[1,2]", 14, 16, "tensor x has elements of type F8_E4M3");
    refusedEntry("F16", "[8]", 0, 16, "tensor x is of type F16");
    refusedEntry("F32", "[1,2]", 0, 16, "byte range 0 to 16, expected 8 bytes");
    refusedEntry("F32", "[1,2]", 8, 16, "begins at byte 8, expected 0");
    refusedEntry("F32", "[1,200]", 0, 800, "truncated");
    refusedPayload(
        new Payload().add("y", "F32", "[1]", 1).bytes(), "names the tensor x, which the payload");
  }

  @Test
  void damagedFilesAreOneSentence() throws IOException {
    new Payload()
        .add("x", "F32", "[1,2]", 1, 2)
        .add("one", "F32", "[1]", 1)
        .write(directory.resolve("shared.safetensors"));
    String good = valid("c", "\"x\":\"x\"", "\"y\":\"x\"", "");
    String whole = file("softmax", good);
    refusedFile(file("softmax", good, good), "case c is there twice");
    refusedFile(file("softmax"), "holds no case");
    refusedFile("", "not a file of schema");
    refusedFile("null", "not a file of schema");
    refusedFile(whole.substring(0, whole.length() - 3), "not a file of schema");
    refusedFile(whole + "}", "not a file of schema");
    refusedFile(whole.replace("-v1", "-v2"), "the schema is limbeck-vectors-v2");
    refusedFile(whole.replace("\"stem\"", "\"Stem\""), "the key stem is missing");
    refusedFile(whole.replace("\"softmax\"", "null"), "the key stem is missing");
    refusedFile(whole.replace("\"id\"", "\"Id\""), "the key id is missing");
    refusedFile(whole.replace("shared.", "other."), "other.safetensors: the file cannot be read");
    refusedFile(whole.replace("2e-6", "-1"), "the tolerance relative is -1.0");
    refusedFile(whole.replace("2e-6", "\"NaN\""), "the tolerance relative is NaN");
    refusedFile(whole.replace("2e-6", "\"small\""), "not a file of schema");
    refusedFile(whole.replace("{\"x\":\"x\"}", "[1]"), "not a file of schema");
    refusedFile(
        whole.replace("\"y\":\"x\"", "\"y\":\"x\",\"y.magnitude\":\"one\""), "its magnitude");
    String result = ",\"result\":\"acceptable\"";
    refusedFile(
        file("softmax", valid("c", "\"x\":\"x\"", "\"y\":\"x\"", result)), "result is acceptable");
    refusedFile(whole.replace(",\"expect\"", ",\"result\":\"invalid\",\"expect\""), "key error");
  }

  private void refusedEntry(String type, String shape, long from, long to, String message)
      throws IOException {
    Payload payload = new Payload();
    payload.data.position(16);
    refusedPayload(payload.entry("x", type, shape, from, to).bytes(), message);
  }

  private void refusedPayload(byte[] payload, String message) throws IOException {
    Files.write(directory.resolve("shared.safetensors"), payload);
    refused(message);
  }

  private void refusedFile(String json, String message) throws IOException {
    write("x.json", json);
    refused(message);
  }

  private void refused(String message) {
    var e = assertThrows(VectorFormatException.class, () -> VectorCatalog.in(directory), message);
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertTrue(e.getMessage().matches(".*\\.(json|safetensors): .*"), e.getMessage());
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
  }
}

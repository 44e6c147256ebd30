// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.PretrainedModel;

class OnnxModelReaderTest {
  private static final String SELF = "/encoder/layer.0/attention/self/";

  @TempDir private Path directory;

  /** Writes the content of one protocol buffer message. */
  private interface Fields {
    void write(CodedOutputStream out) throws IOException;
  }

  private static byte[] message(Fields fields) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      CodedOutputStream out = CodedOutputStream.newInstance(bytes);
      fields.write(out);
      out.flush();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return bytes.toByteArray();
  }

  private static byte[] tensor(String name, int type, byte[] raw, long... dims) {
    return message(
        out -> {
          for (long size : dims) {
            out.writeInt64(1, size);
          }
          out.writeInt32(2, type);
          out.writeString(8, name);
          out.writeByteArray(9, raw);
        });
  }

  private static byte[] node(
      String operation, String name, List<String> inputs, String output, byte[] attribute) {
    return message(
        out -> {
          for (String input : inputs) {
            out.writeString(1, input);
          }
          out.writeString(2, output);
          out.writeString(3, name);
          out.writeString(4, operation);
          if (attribute.length > 0) {
            out.writeByteArray(5, attribute);
          }
        });
  }

  private static byte[] constant(String output, byte[] tensor) {
    byte[] attribute =
        message(
            out -> {
              out.writeString(1, "value");
              out.writeByteArray(5, tensor);
              out.writeInt32(20, 4);
            });
    return node("Constant", output + "/node", List.of(), output, attribute);
  }

  private static byte[] number(long value) {
    byte[] raw = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    return tensor("", 7, raw, 1);
  }

  /** What a test changes in the tiny model's file. */
  private static final class Change {
    private long heads = 3;
    private long width = 2;
    private String activation = "Erf";
    private int type = 1;
    private String without = "none";
    private String cutShort = "none";
  }

  private static byte[] model(Change change) {
    byte[] graph =
        message(
            out -> {
              byte[] epsilon =
                  ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(1e-12f).array();
              out.writeByteArray(1, constant("epsilon", tensor("", 1, epsilon)));
              out.writeByteArray(
                  1,
                  node(
                      "Add",
                      "/embeddings/LayerNorm/Add",
                      List.of("variance", "epsilon"),
                      "sum",
                      new byte[0]));
              out.writeByteArray(1, constant("heads", number(change.heads)));
              out.writeByteArray(1, constant("width", number(change.width)));
              out.writeByteArray(
                  1,
                  node(
                      "Concat",
                      SELF + "Concat",
                      List.of("batch", "length", "heads", "width"),
                      "shape",
                      new byte[0]));
              out.writeByteArray(
                  1, node("Reshape", SELF + "Reshape", List.of("q", "shape"), "r", new byte[0]));
              out.writeByteArray(
                  1,
                  node(
                      change.activation,
                      "/encoder/layer.0/intermediate/intermediate_act_fn/Act",
                      List.of("x"),
                      "y",
                      new byte[0]));
              writeTensors(out, change);
            });
    return message(
        out -> {
          out.writeInt64(1, 7);
          out.writeString(2, "pytorch");
          out.writeByteArray(7, graph);
        });
  }

  /** Linear weights are anonymous and [in, out], except the pooler's; the rest keep their names. */
  private static void writeTensors(CodedOutputStream out, Change change) throws IOException {
    byte[] positions = new byte[5 * Long.BYTES];
    out.writeByteArray(5, tensor("embeddings.position_ids", 7, positions, 1, 5));
    int anonymous = 100;
    for (Map.Entry<String, float[]> entry : TinyModel.values().entrySet()) {
      String name = entry.getKey();
      int[] shape = TinyModel.shapes().get(name);
      if (name.equals(change.without)) {
        continue;
      }
      boolean linear = name.startsWith("encoder.") && shape[0] > 1;
      byte[] raw = TinyModel.bytes(entry.getValue(), shape[0], shape[1], linear);
      if (name.equals(change.cutShort)) {
        raw = Arrays.copyOf(raw, raw.length - 4);
      }
      if (linear) {
        String path = name.substring(0, name.length() - ".weight".length());
        String stored = "onnx::MatMul_" + anonymous++;
        String module =
            "/" + path.replace('.', '/').replaceFirst("layer/(\\d)", "layer.$1") + "/MatMul";
        out.writeByteArray(
            1, node("MatMul", module, List.of("x", stored), module + "_output_0", new byte[0]));
        out.writeByteArray(5, tensor(stored, change.type, raw, shape[1], shape[0]));
      } else if (shape[0] == 1) {
        out.writeByteArray(5, tensor(name, change.type, raw, shape[1]));
      } else {
        out.writeByteArray(5, tensor(name, change.type, raw, shape[0], shape[1]));
      }
    }
    byte[] transposed =
        message(
            attribute -> {
              attribute.writeString(1, "transB");
              attribute.writeInt64(3, 1);
            });
    out.writeByteArray(
        1,
        node(
            "Gemm",
            "/pooler/dense/Gemm",
            List.of("x", "pooler.dense.weight", "pooler.dense.bias"),
            "p",
            transposed));
  }

  private static PretrainedModel read(byte[] onnx, HostMemory memory) {
    return OnnxModelReader.read("tiny", "t.onnx", new ByteArrayInputStream(onnx), "{}", memory);
  }

  private static void assertBad(byte[] onnx, String expected) {
    try (HostMemory memory = new HostMemory()) {
      BadInputException e = assertThrows(BadInputException.class, () -> read(onnx, memory));
      assertTrue(e.getMessage().startsWith("t.onnx"), e.getMessage());
      assertTrue(e.getMessage().contains(expected), e.getMessage());
      assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    }
  }

  @Test
  void findsEveryTensorAndTheSizes() {
    try (HostMemory memory = new HostMemory()) {
      PretrainedModel model = read(model(new Change()), memory);
      assertEquals(TinyModel.CONFIG, model.config());
      assertEquals(new PretrainedModel.TokenizerJson("{}"), model.vocabulary());
      TinyModel.assertTensors(model.tensors());
    }
  }

  @Test
  void readsFromAJar() throws IOException {
    Path jar = directory.resolve("m.jar");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
      zip.putNextEntry(new ZipEntry("tiny-tokenizer.json"));
      zip.write("{\"model\":1}".getBytes(StandardCharsets.UTF_8));
      zip.putNextEntry(new ZipEntry("tiny.onnx"));
      zip.write(model(new Change()));
    }
    try (HostMemory memory = new HostMemory()) {
      PretrainedModel model = OnnxModelReader.read("tiny", jar, memory);
      TinyModel.assertTensors(model.tensors());
      assertEquals(new PretrainedModel.TokenizerJson("{\"model\":1}"), model.vocabulary());

      byte[] damaged = Files.readAllBytes(jar);
      damaged[damaged.length / 2] ^= 1;
      Path other = Files.write(directory.resolve("damaged.jar"), damaged);
      BadInputException e =
          assertThrows(BadInputException.class, () -> OnnxModelReader.read("tiny", other, memory));
      assertTrue(e.getMessage().startsWith(other.toString()), e.getMessage());
      Path none = directory.resolve("none.jar");
      e = assertThrows(BadInputException.class, () -> OnnxModelReader.read("x", none, memory));
      assertTrue(e.getMessage().contains("does not exist"), e.getMessage());
    }
  }

  @Test
  void otherModelsAndDamagedOnesGetOneSentence() {
    Change change = new Change();
    change.activation = "Tanh";
    assertBad(model(change), "no Erf");
    change = new Change();
    change.heads = 2;
    assertBad(model(change), "heads of 2, expected 3");
    change.heads = 4;
    assertBad(model(change), "does not hold the sizes of an encoder");
    change = new Change();
    change.type = 10;
    assertBad(model(change), "ONNX element type 10, expected float");
    change = new Change();
    change.without = "encoder.layer.1.output.dense.bias";
    assertBad(model(change), "holds no tensor encoder.layer.1.output.dense.bias");
    change = new Change();
    change.cutShort = "embeddings.LayerNorm.bias";
    assertBad(model(change), "holds 20 bytes, expected 24");
    assertBad(new byte[0], "holds no graph");
    assertBad("a text, not a protocol buffer".getBytes(StandardCharsets.UTF_8), "");
  }

  @Test
  void everyTruncationIsNoticed() {
    byte[] whole = model(new Change());
    for (int length = 0; length < whole.length; length += 13) {
      assertBad(Arrays.copyOf(whole, length), length < 13 ? "" : "truncated");
    }
  }
}

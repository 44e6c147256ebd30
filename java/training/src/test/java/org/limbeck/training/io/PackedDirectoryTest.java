// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.Limbeck;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.op.GemmTernary.Activations;
import org.limbeck.training.bert.BertClassifier;
import org.limbeck.training.bert.PretrainedModel;
import org.limbeck.training.bert.Quantization;
import org.limbeck.training.bert.RandomBert;
import org.limbeck.training.nn.Compute;
import org.limbeck.training.nn.TokenBatch;
import org.limbeck.training.packed.PackedClassifier;
import org.limbeck.training.packed.PackedModel;

/** Packed models on disk: the way there and back, and every kind of damage. */
class PackedDirectoryTest {
  private static final String QUERY = "encoder.layer.1.attention.self.query.weight";
  private static final int LABELS = 2;

  private final HostMemory host = new HostMemory();
  private Limbeck limbeck;
  private Compute compute;
  private PackedModel model;
  private Path json;
  private Path tensors;

  @TempDir private Path directory;

  @BeforeEach
  void write() {
    limbeck = Limbeck.open(List.of(), 1);
    compute = new Compute(limbeck);
    model = model(1);
    PackedDirectory.write(directory, model);
    json = directory.resolve("packed.json");
    tensors = directory.resolve("packed.safetensors");
  }

  @AfterEach
  void close() {
    compute.close();
    limbeck.close();
    host.close();
  }

  private PackedModel model(long seed) {
    BertClassifier network =
        new BertClassifier(compute, TinyModel.CONFIG, LABELS, Quantization.TERNARY);
    RandomBert.randomise(compute, network, seed);
    return PackedModel.of(
        compute,
        network,
        "tiny",
        "rte",
        new PretrainedModel.WordPieceList("[PAD]\n[UNK]\n[CLS]\n[SEP]\n"),
        host);
  }

  private static byte[] bytes(Matrix matrix) {
    return matrix
        .segment()
        .asSlice(matrix.offsetBytes(), matrix.elements() * matrix.type().bytes())
        .toArray(ValueLayout.JAVA_BYTE);
  }

  private float[] logits(PackedModel packed) {
    TokenBatch batch = RandomBert.Tokens.random(new int[] {5, 3}, 5, 7, 9).on(host);
    return new PackedClassifier(compute, packed, Activations.I8_ROW, 2, 5)
        .forward(batch)
        .toFloatArray();
  }

  @Test
  void whatIsWrittenIsMappedBackBitForBit() throws IOException {
    try (PackedDirectory opened = PackedDirectory.open(directory)) {
      PackedModel read = opened.model();
      assertEquals(model.config(), read.config());
      assertEquals(model.activation(), read.activation());
      assertEquals(model.vocabulary(), read.vocabulary());
      assertEquals("tiny rte 2", read.name() + " " + read.task() + " " + read.labels());
      assertEquals(model.ternary().keySet(), read.ternary().keySet());
      model
          .ternary()
          .forEach(
              (name, weight) -> {
                Matrix codes = read.ternary().get(name).codes().bytes();
                assertArrayEquals(bytes(weight.codes().bytes()), bytes(codes), name);
                assertEquals(weight.codes().cols(), read.ternary().get(name).codes().cols());
                assertEquals(0, (codes.buffer().address() + codes.offsetBytes()) % 64, name);
                assertArrayEquals(
                    bytes(weight.scale()), bytes(read.ternary().get(name).scale()), name);
              });
      assertEquals(model.full().keySet(), read.full().keySet());
      model
          .full()
          .forEach((name, m) -> assertArrayEquals(bytes(m), bytes(read.full().get(name)), name));
      assertEquals(Files.size(json) + Files.size(tensors), opened.diskBytes());
      assertEquals(model.bytes(), read.bytes());
      assertTrue(model.bytes() < Files.size(tensors));
      assertArrayEquals(logits(model), logits(read), 0);
    }
  }

  @Test
  void equalModelsGiveEqualFiles() throws IOException {
    Path other = directory.resolve("other");
    PackedDirectory.write(other, model);
    assertArrayEquals(
        Files.readAllBytes(tensors), Files.readAllBytes(other.resolve("packed.safetensors")));
    assertEquals(Files.readString(json), Files.readString(other.resolve("packed.json")));
  }

  @Test
  void anOpenModelOutlivesItsReplacementAndEndsWhenClosed() {
    float[] before = logits(model);
    PackedModel read;
    try (PackedDirectory opened = PackedDirectory.open(directory)) {
      read = opened.model();
      PackedDirectory.write(directory, model(2));
      assertArrayEquals(before, logits(read), 0);
    }
    PackedModel closed = read;
    Exception e = assertThrows(RuntimeException.class, () -> logits(closed));
    assertTrue(String.valueOf(e.getMessage()).contains("closed"), String.valueOf(e));
    try (PackedDirectory opened = PackedDirectory.open(directory)) {
      assertFalse(Arrays.equals(before, logits(opened.model())));
    }
  }

  @Test
  void aDirectoryWithoutDescriptionIsIncomplete() throws IOException {
    assertTrue(PackedDirectory.isComplete(directory));
    Files.delete(json);
    assertFalse(PackedDirectory.isComplete(directory));
    assertFalse(PackedDirectory.isComplete(directory.resolve("none")));
  }

  private void assertBad(Path named, String message) {
    BadInputException e =
        assertThrows(BadInputException.class, () -> PackedDirectory.open(directory).close());
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertTrue(e.getMessage().contains(named.toString()), e.getMessage());
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
  }

  @Test
  void damagedDescriptionsAreNamed() throws IOException {
    String text = Files.readString(json);
    for (String[] change :
        new String[][] {
          {"limbeck-packed-v1", "limbeck-packed-v2", "schema is \"limbeck-packed-v2\""},
          {"planes64-v1", "planes64-v9", "layout is \"planes64-v9\", expected \"planes64-v1\""},
          {"\"layers\": 2", "\"layers\": 3", "encoder.layer.2"},
          {"\"layers\": 2", "\"layers\": 2.5", "expected a whole number"},
          {"\"heads\": 3", "\"heads\": 4", "expected a multiple of heads"},
          {"\"hidden\": 6", "\"hidden\": 9", "shape is"},
          {"\"labels\": 2", "\"labels\": 3", "shape is [2,6], expected [3,6]"},
          {"\"labels\": 2", "\"labels\": \"two\"", "labels is \"two\", expected a number"},
          {"\"task\"", "\"job\"", "task is missing"},
          {"\"clip\": 2.5", "\"clip\": -1", "clip"},
          {"\"bits\": 8", "\"bits\": 9", "bits"},
          {"\"uniform_symmetric\"", "\"lsq\"", "expected \"uniform_symmetric\""},
          {"\"scale\": \"row\"", "\"scale\": \"column\"", "scale is \"column\""},
          {"\"scale\": \"row\"", "\"scale\": \"tensor\"", "has shape [7], expected [1, 1]"},
          {"\"quantizer\": \"ternary_twn\"", "\"quantizer\": \"none\"", "quantizer is \"none\""},
          {"\"tensors\": {", "\"tensors\": [{", "malformed"},
          {"{", "[", "malformed"}
        }) {
      Files.writeString(json, text.replace(change[0], change[1]));
      assertBad(json.getParent(), change[2]);
    }
    for (int length : new int[] {0, 1, 200, text.length() - 3}) {
      Files.writeString(json, text.substring(0, length));
      assertBad(json, "malformed");
    }
    Files.delete(json);
    assertBad(json, "does not exist");
  }

  @Test
  void damagedTensorsAreNamed() throws IOException {
    byte[] content = Files.readAllBytes(tensors);
    for (int length : new int[] {0, 7, 100, content.length / 2, content.length - 1}) {
      Files.write(tensors, Arrays.copyOf(content, length));
      assertBad(tensors, "truncated");
    }
    int codes = begin(content, QUERY + ".codes");
    write(content, codes + 5, (byte) 0b01_01_01_11);
    assertBad(tensors, "tensor " + QUERY + ".codes is malformed");
    assertBad(tensors, "code 3 at (0, 5)");
    write(content, codes + 64 + 7, (byte) 0b01_01_01_10);
    assertBad(tensors, "code 2 at (1, 7), in the padding");
    int scale = begin(content, QUERY + ".scale");
    write(content, scale, (byte) 0, (byte) 0, (byte) 0xC0, (byte) 0x7F);
    assertBad(tensors, "tensor " + QUERY + ".scale holds NaN at (0, 0), expected finite numbers");
    int bias = begin(content, "classifier.bias");
    write(content, bias + 4, (byte) 0, (byte) 0, (byte) 0x80, (byte) 0xFF);
    assertBad(tensors, "tensor classifier.bias holds -Infinity at (0, 1)");
    header(content, QUERY + ".codes", QUERY.replace("query", "quern") + ".codes");
    assertBad(tensors, "holds no tensor " + QUERY + ".codes");
    header(content, "\"dtype\":\"U8\"", "\"dtype\":\"I8\"");
    assertBad(tensors, "is I8, expected U8");
    header(content, "\"shape\":[2,6]", "\"shape\":[6,2]");
    assertBad(tensors, "has shape [6, 2], expected [2, 6]");
    Files.delete(tensors);
    assertBad(tensors, "does not exist");
  }

  @Test
  void aVocabularyThatDoesNotFitIsNamed() throws IOException {
    Path list = directory.resolve("vocab.txt");
    Files.writeString(list, "a\nb\nc\nd\ne\nf\ng\nh\n");
    assertBad(list, "has 8 word pieces, expected at most 7");
    Files.delete(list);
    assertBad(directory, "neither tokenizer.json nor vocab.txt");
  }

  @Test
  void whatIsNoNumberIsNotWritten() {
    model.full().get("pooler.dense.bias").setFloat(0, 2, Float.NaN);
    Path target = directory.resolve("target");
    BadInputException e =
        assertThrows(BadInputException.class, () -> PackedDirectory.write(target, model));
    assertTrue(e.getMessage().contains("pooler.dense.bias holds NaN at (0, 2)"), e.getMessage());
    assertFalse(Files.exists(target));
  }

  private void write(byte[] content, int at, byte... changed) throws IOException {
    byte[] copy = content.clone();
    System.arraycopy(changed, 0, copy, at, changed.length);
    Files.write(tensors, copy);
  }

  /** Replaces text in the header by text of the same length. */
  private void header(byte[] content, String text, String other) throws IOException {
    String all = new String(content, StandardCharsets.ISO_8859_1);
    assertTrue(all.contains(text), text);
    assertEquals(text.length(), other.length());
    Files.write(tensors, all.replace(text, other).getBytes(StandardCharsets.ISO_8859_1));
  }

  private static int begin(byte[] content, String name) {
    String all = new String(content, StandardCharsets.ISO_8859_1);
    int offsets = all.indexOf("data_offsets", all.indexOf('"' + name + '"'));
    int from = all.indexOf('[', offsets) + 1;
    long header = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    return (int) (8 + header) + Integer.parseInt(all.substring(from, all.indexOf(',', from)));
  }
}

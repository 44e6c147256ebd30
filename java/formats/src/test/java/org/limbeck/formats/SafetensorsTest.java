// SPDX-License-Identifier: Apache-2.0
package org.limbeck.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.kernels.memory.DType;
import org.limbeck.kernels.memory.HostMemory;
import org.limbeck.kernels.memory.Matrix;
import org.limbeck.kernels.random.Philox;

class SafetensorsTest {
  @TempDir private Path directory;

  private static byte[] file(String header, int dataBytes) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(Long.BYTES + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    return bytes.putLong(json.length).put(json).array();
  }

  private static SafetensorsFile parse(byte[] bytes) {
    return SafetensorsFile.of("m.safetensors", MemorySegment.ofArray(bytes));
  }

  private static String tensor(String name, String type, String shape, long from, long to) {
    return String.format(
        "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}",
        name, type, shape, from, to);
  }

  private static void assertBad(byte[] bytes, String expected) {
    BadInputException e = assertThrows(BadInputException.class, () -> parse(bytes));
    assertTrue(e.getMessage().startsWith("m.safetensors"), e.getMessage());
    assertTrue(e.getMessage().contains(expected), e.getMessage());
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
  }

  @Test
  void everyTypeSurvivesARoundTrip() {
    Path path = directory.resolve("all.safetensors");
    try (HostMemory memory = new HostMemory()) {
      Map<String, SafetensorsWriter.Entry> entries = new LinkedHashMap<>();
      for (DType type : DType.values()) {
        Matrix matrix = memory.matrix(type, 3, 5);
        MemorySegment bytes = matrix.segment();
        for (long i = 0; i < bytes.byteSize(); i++) {
          bytes.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 37 + type.name().hashCode()));
        }
        entries.put(type.name(), new SafetensorsWriter.Entry(List.of(3L, 1L, 5L), matrix));
      }
      entries.put("empty", SafetensorsWriter.Entry.of(memory.matrix(DType.F32, 0, 4)));
      SafetensorsWriter.write(path, entries, Map.of("format", "pt", "quote", "\"ä\n"));

      try (SafetensorsFile in = SafetensorsFile.open(path)) {
        assertEquals(Map.of("format", "pt", "quote", "\"ä\n"), in.metadata());
        assertEquals(entries.keySet(), Map.copyOf(in.tensors()).keySet());
        for (DType type : DType.values()) {
          TensorView view = in.tensor(type.name());
          assertEquals(List.of(3L, 1L, 5L), view.shape());
          assertEquals(type, view.type().dtype().orElseThrow());
          assertEquals(-1, entries.get(type.name()).matrix().segment().mismatch(view.data()));
          Matrix mapped = view.matrix();
          assertEquals(3, mapped.rows());
          assertEquals(5, mapped.cols());
        }
        assertEquals(0, in.tensor("empty").elements());
        TensorView first = in.tensors().values().iterator().next();
        assertEquals(0, first.data().address() % 64);
      }
    }
  }

  @Test
  void severalChunksAndStridedRowsAreWrittenWhole() {
    Path path = directory.resolve("big.safetensors");
    try (HostMemory memory = new HostMemory()) {
      Matrix big = memory.matrix(DType.F32, 1500, 3001);
      for (int i = 0; i < 1500; i++) {
        big.setFloat(i, 3000 - i, Philox.word(7, 0, i, 0));
      }
      Map<String, Matrix> tensors = new LinkedHashMap<>();
      tensors.put("big", big);
      tensors.put("slice", big.columns(7, 2007).rows(100, 1400));
      SafetensorsWriter.write(path, tensors);
      try (SafetensorsFile in = SafetensorsFile.open(path)) {
        assertEquals(-1, big.segment().mismatch(in.tensor("big").data()));
        Matrix slice = in.tensor("slice").matrix();
        for (int r = 894; r < 1300; r++) {
          assertEquals(big.getFloat(r + 100, 2900 - r), slice.getFloat(r, 2893 - r));
        }
      }
    }
  }

  @Test
  void halfPrecisionBecomesF32() {
    byte[] bytes =
        file(
            "{"
                + tensor("h", "F16", "[2,2]", 0, 8)
                + ","
                + tensor("b", "BF16", "[2]", 8, 12)
                + ","
                + tensor("d", "F64", "[]", 12, 20)
                + ","
                + tensor("i", "I8", "[1]", 20, 21)
                + "}",
            21);
    ByteBuffer data =
        ByteBuffer.wrap(bytes, bytes.length - 21, 21).slice().order(ByteOrder.LITTLE_ENDIAN);
    data.putShort((short) 0x3C01).putShort((short) 0x8001).putShort((short) 0x7BFF);
    data.putShort((short) 0xFC00);
    data.putShort((short) 0x3FC0).putShort((short) 0xC2F7);
    data.putDouble(1.0 + 0x1p-24);
    try (HostMemory memory = new HostMemory();
        SafetensorsFile in = parse(bytes)) {
      assertArrayEquals(
          new float[] {1 + 0x1p-10f, -0x1p-24f, 65504f, Float.NEGATIVE_INFINITY},
          in.tensor("h").copyAsFloats(memory).toFloatArray());
      assertArrayEquals(
          new float[] {1.5f, -123.5f}, in.tensor("b").copyAsFloats(memory).toFloatArray());
      assertArrayEquals(new float[] {1f}, in.tensor("d").copyAsFloats(memory).toFloatArray());
      assertThrows(BadInputException.class, () -> in.tensor("i").copyAsFloats(memory));
      assertThrows(BadInputException.class, () -> in.tensor("h").matrix());
      assertThrows(IllegalArgumentException.class, () -> in.tensor("none"));
    }
  }

  @Test
  void aTensorMayLieBeyondTwoGigabytes() throws IOException {
    Path path = directory.resolve("sparse.safetensors");
    long far = 5L << 29;
    byte[] head =
        file(
            "{"
                + tensor("far", "F32", "[1]", far, far + 4)
                + ","
                + tensor("zeros", "U8", "[" + far + "]", 0, far)
                + "} ",
            0);
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      channel.write(ByteBuffer.wrap(head));
      channel.position(head.length + far);
      channel.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(2.5f).flip());
    }
    try (HostMemory memory = new HostMemory();
        SafetensorsFile in = SafetensorsFile.open(path)) {
      assertEquals(2.5f, in.tensor("far").copyAsFloats(memory).getFloat(0, 0));
      assertEquals(far, in.tensor("zeros").matrix().cols());
    }
  }

  @Test
  void malformedFilesGetOneSentence() {
    assertBad(new byte[5], "is truncated: it holds 5 bytes");
    assertBad(ByteBuffer.allocate(8).putLong(0, -1).array(), "18446744073709551615");
    byte[] longHeader = file("{}", 0);
    longHeader[0] = 3;
    assertBad(longHeader, "is truncated: its header takes 3 bytes");
    assertBad(file("[]", 0), "malformed header");
    assertBad(file("{ ", 0), "ends in the middle");
    assertBad(file("{}{}", 0), "header");
    assertBad(file("{\"a\":1}", 0), "malformed header");
    assertBad(file("{\"a\":{\"dtype\":\"F32\"}}", 0), "tensor a is incomplete");
    assertBad(
        file("{\"a\":{\"dtype\":\"F32\",\"x\":1}}", 0), "tensor a has a field x, expected dtype");
    assertBad(file("{\"__metadata__\":{\"a\":1}}", 0), "metadata a of type NUMBER");
    assertBad(file("{" + tensor("a", "F8", "[1]", 0, 1) + "}", 1), "elements of type F8");
    assertBad(file("{" + tensor("a", "F32", "[2]", 0, 4) + "}", 4), "expected 8 bytes");
    assertBad(file("{" + tensor("a", "F32", "[-1]", 0, 4) + "}", 4), "numbers of 0 or more");
    assertBad(file("{" + tensor("a", "F32", "[1]", 8, 4) + "}", 4), "expected 4 bytes");
    assertBad(
        file("{" + tensor("a", "F32", "[4611686018427387904,4]", 0, 0) + "}", 0), "2^63 bytes");
    assertBad(file("{" + tensor("a", "F32", "[2]", 0, 8) + "}", 7), "tensor a is truncated");
    assertBad(file("{" + tensor("a", "F32", "[1]", 0, 4) + "}", 5), "expected the 4 of its");
    assertBad(file("{" + tensor("a", "F32", "[1]", 4, 8) + "}", 8), "begins at byte 4, expected 0");
    String twice = tensor("a", "F32", "[1]", 0, 4) + "," + tensor("a", "F32", "[1]", 4, 8);
    assertBad(file("{" + twice + "}", 8), "names a twice");
    String overlapping = tensor("a", "F32", "[2]", 0, 8) + "," + tensor("b", "F32", "[1]", 4, 8);
    assertBad(file("{" + overlapping + "}", 8), "tensor b begins at byte 4, expected 8");
    byte[] notUtf8 = file("{\"a\":1}", 0);
    notUtf8[10] = (byte) 0xFF;
    assertBad(notUtf8, "not UTF-8");
  }

  @Test
  void everyTruncationOfAFileIsNoticed() throws IOException {
    Path path = directory.resolve("whole.safetensors");
    try (HostMemory memory = new HostMemory()) {
      SafetensorsWriter.write(
          path, Map.of("weight", memory.copyOf(new float[] {1, 2, 3, 4, 5, 6}, 2, 3)));
    }
    byte[] whole = Files.readAllBytes(path);
    List<Integer> accepted = new ArrayList<>();
    for (int length = 0; length <= whole.length; length++) {
      try {
        parse(Arrays.copyOf(whole, length)).close();
        accepted.add(length);
      } catch (BadInputException expected) {
        assertTrue(expected.getMessage().startsWith("m.safetensors"), expected.getMessage());
      }
    }
    assertEquals(List.of(whole.length), accepted);
  }

  @Test
  void filesThatCannotBeReadAreNamed() throws IOException {
    Path missing = directory.resolve("none.safetensors");
    BadInputException e =
        assertThrows(BadInputException.class, () -> SafetensorsFile.open(missing));
    assertEquals(
        missing + ": the file cannot be read: " + missing + " does not exist", e.getMessage());
    assertThrows(BadInputException.class, () -> SafetensorsFile.open(directory));
    Path empty = Files.createFile(directory.resolve("empty"));
    assertThrows(BadInputException.class, () -> SafetensorsFile.open(empty));
  }

  @Test
  void anEntryChecksItsShape() {
    try (HostMemory memory = new HostMemory()) {
      Matrix matrix = memory.matrix(DType.F32, 2, 3);
      assertThrows(
          IllegalArgumentException.class, () -> new SafetensorsWriter.Entry(List.of(5L), matrix));
      assertEquals(List.of(6L), SafetensorsWriter.Entry.vector(matrix).shape());
      assertThrows(
          IllegalArgumentException.class,
          () -> SafetensorsWriter.write(directory.resolve("x"), Map.of("__metadata__", matrix)));
    }
  }
}

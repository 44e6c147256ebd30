// SPDX-License-Identifier: Apache-2.0
package org.limbeck.vectors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.limbeck.vectors.CaseResult.Outcome;
import org.limbeck.vectors.stems.StemAdapters;

/**
 * The files themselves: unchanged since they were generated, complete, and refused when damaged.
 */
class VectorFilesTest {
  private static final Path ROOT = Path.of(System.getProperty("limbeck.vectors"));

  @TempDir private Path directory;

  @Test
  void filesAndGeneratorsHaveTheHashesTheyWereWrittenWith()
      throws IOException, NoSuchAlgorithmException {
    Set<String> listed = new TreeSet<>();
    for (String line : Files.readAllLines(ROOT.resolve(VectorCatalog.INDEX))) {
      String name = line.substring(line.lastIndexOf(' ') + 1);
      listed.add(name);
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      String hash = HexFormat.of().formatHex(sha.digest(Files.readAllBytes(ROOT.resolve(name))));
      assertEquals(line.substring(0, 64), hash, name + " changed; run generator/generate.py");
    }
    try (Stream<Path> files = Files.walk(ROOT, 2)) {
      Set<String> present =
          files
              .map(path -> ROOT.relativize(path).toString())
              .filter(
                  name ->
                      name.matches("(?!src|target|schema)[a-z0-9_]+/[^/]+\\.(json|safetensors|py)"))
              .collect(Collectors.toCollection(TreeSet::new));
      assertEquals(present, listed);
    }
  }

  @Test
  void everyStemHasVectorsWithFlags() {
    List<VectorFile> files = VectorCatalog.builtIn();
    Set<String> stems = files.stream().map(VectorFile::stem).collect(Collectors.toSet());
    assertEquals(StemAdapters.stems(), new TreeSet<>(stems));
    for (VectorFile file : files) {
      Set<String> flags =
          file.cases().stream().flatMap(c -> c.flags().stream()).collect(Collectors.toSet());
      assertFalse(flags.isEmpty(), file.name());
      assertTrue(file.notes().keySet().containsAll(flags), file.name());
    }
  }

  @Test
  void everyValidCaseExpectsSomethingAndHasATolerance() {
    for (VectorFile file : VectorCatalog.builtIn()) {
      assertTrue(file.cases().size() > 5, file.name());
      for (VectorCase c : file.cases()) {
        assertTrue(!c.isValid() || !c.expect().isEmpty(), file.name() + ": " + c.id());
        assertTrue(c.relative() <= 1e-4 && c.absolute() <= 1e-4, file.name() + ": " + c.id());
      }
    }
  }

  @Test
  void damagedFilesAreRefusedWithASentence() throws IOException {
    byte[] json = Files.readAllBytes(ROOT.resolve("softmax/softmax.json"));
    byte[] payload = Files.readAllBytes(ROOT.resolve("softmax/softmax.safetensors"));
    refused("holds no vector file");
    write(new String(json, StandardCharsets.UTF_8), payload, payload.length / 2);
    refused("truncated");
    write(new String(json, StandardCharsets.UTF_8), payload, 5);
    refused("truncated: it holds 5 bytes");
    write(new String(json, 0, json.length / 2, StandardCharsets.UTF_8), payload, payload.length);
    refused("not a file of schema");
    write(text(json).replace("limbeck-vectors-v1", "v2"), payload, payload.length);
    refused("the schema is v2");
    write(text(json).replace("\"small.x\"", "\"other.x\""), payload, payload.length);
    refused("names the tensor other.x");
    write("[1, 2]", payload, payload.length);
    refused("not a file of schema");
    byte[] garbled = payload.clone();
    garbled[20] = '}';
    write(text(json), garbled, garbled.length);
    refused("payload");
    Files.delete(directory.resolve("softmax.safetensors"));
    refused("cannot be read");
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private void write(String json, byte[] payload, int length) throws IOException {
    Files.writeString(directory.resolve("softmax.json"), json);
    Files.write(directory.resolve("softmax.safetensors"), java.util.Arrays.copyOf(payload, length));
  }

  private void refused(String message) {
    var e = assertThrows(VectorFormatException.class, () -> VectorCatalog.in(directory));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void aChangedValueFailsItsCase() throws IOException {
    byte[] payload = Files.readAllBytes(ROOT.resolve("softmax/softmax.safetensors"));
    Files.copy(ROOT.resolve("softmax/softmax.json"), directory.resolve("softmax.json"));
    VectorCase small = VectorCatalog.in(ROOT.resolve("softmax")).get(0).cases().get(0);
    double value = small.expect().get("y").number(2);
    ByteBuffer bytes = ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
    int changed = 0;
    for (int at = 0; at + 8 <= payload.length; at += 8) {
      if (bytes.getDouble(at) == value) {
        bytes.putDouble(at, value * 1.001);
        changed++;
      }
    }
    assertEquals(1, changed);
    Files.write(directory.resolve("softmax.safetensors"), payload);
    try (OperationRunner operations = OperationRunner.open("scalar", 1)) {
      CaseRunner runner = new CaseRunner(operations, StemAdapters::find);
      for (VectorCase c : VectorCatalog.in(directory).get(0).cases()) {
        boolean damaged = c.id().equals(small.id());
        assertEquals(damaged ? Outcome.FAILED : Outcome.PASSED, runner.run(c).outcome(), c.id());
      }
    }
  }
}

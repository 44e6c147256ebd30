// SPDX-License-Identifier: Apache-2.0
package org.limbeck.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.limbeck.kernels.op.Op;
import org.limbeck.kernels.op.Ops;

/** One stem, one name everywhere; the backend and the folders of the C kernels are in step. */
class LayoutTest {
  private static final Path JAVA = Path.of("java");
  private static final String PACKAGE = "org/limbeck/natives/";

  /** Folders that serve several stems: their kernels differ in numbers alone. */
  private static final Map<String, List<String>> SHARED =
      Map.of("adam_step", List.of("adamw", "bert_adam"));

  /** C tests that serve several folders: what they check differs in functions alone. */
  private static final Map<String, String> TESTS = Map.of("tanh", "tanh_relu", "relu", "tanh_relu");

  /** Folders of no stem: the vector layer, and loops for benchmarks. */
  private static final Set<String> OTHERS = Set.of("simd", "ceiling");

  private static Set<String> folders() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("src"))) {
      return files
          .filter(Files::isDirectory)
          .map(f -> f.getFileName().toString())
          .filter(name -> !OTHERS.contains(name))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  private static String camel(String stem) {
    return stem.equals("adamw")
        ? "AdamW"
        : Stream.of(stem.split("_", -1))
            .map(part -> Character.toUpperCase(part.charAt(0)) + part.substring(1))
            .collect(Collectors.joining());
  }

  @Test
  void everyFolderIsAStemWithItsFiles() throws IOException {
    Set<String> stems = Ops.ALL.stream().map(Op::stem).collect(Collectors.toSet());
    for (String folder : folders()) {
      for (String file : List.of(".c", "_portable.c", "_avx2.c", "_avx512.c")) {
        assertExists(Path.of("src", folder, folder + file));
      }
      assertExists(Path.of("tests", "test_" + TESTS.getOrDefault(folder, folder) + ".c"));
      for (String stem : stemsOf(folder).toList()) {
        assertTrue(stems.contains(stem), () -> stem + " of src/" + folder + " is no stem");
        String name = camel(stem);
        assertExists(JAVA.resolve("main/" + PACKAGE + "Native" + name + ".java"));
        assertExists(JAVA.resolve("test/" + PACKAGE + "Native" + name + "Test.java"));
      }
    }
  }

  private static Stream<String> stemsOf(String folder) {
    return SHARED.getOrDefault(folder, List.of(folder)).stream();
  }

  private static void assertExists(Path file) {
    assertTrue(Files.exists(file), () -> file + " is missing");
  }

  @Test
  void theBackendHasTheStemsOfTheFolders() throws IOException {
    NativeBackend backend = new NativeBackend(new Tier(0));
    Set<String> served =
        backend.operations().stream().map(Op::stem).collect(Collectors.toCollection(TreeSet::new));
    assertEquals(
        folders().stream()
            .flatMap(LayoutTest::stemsOf)
            .collect(Collectors.toCollection(TreeSet::new)),
        served);
  }
}
